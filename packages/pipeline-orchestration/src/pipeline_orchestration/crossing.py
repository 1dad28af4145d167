"""Inputs as small, JSON-safe text, the only form in which they reach an engine, and back.

a path              file:///data/x.txt       no file name can break a run
a URL               s3://bucket/x.txt        as it is, but none that holds a password
an id, other text   7, customers             as it is
a list or dict      json:file:///out/….tmp   kept in a file while the run lasts
anything else       json:true
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from pipeline_jobs import InputError, Location, Url, draft, is_url, location

_LONGEST = 4096  # characters that cross as they are; Prefect refuses parameters of over half a megabyte
DATA = "json:"
FILE = "file:///"


@contextmanager
def crossed(value: object, folder: Location) -> Iterator[str]:
    """Lend the text that stands for a value; a file that this needs is in `folder`, and removed afterwards.

    Raises:
        InputError: ``input.type``: the value has no JSON form; ``input.url``: it must not cross.
        OutputError: the file could not be written.
    """
    if (text := _as_it_is(value)) is not None:
        yield text
        return
    data = _json(value)
    if len(data) <= _LONGEST and isinstance(value, str | os.PathLike | int | float | None):
        yield f"{DATA}{data}"
    else:
        with _spooled(data, folder) as path:
            yield f"{DATA}{uri(path)}"


def restored(text: str) -> object:
    """Return the value a text stands for: a path, data, or the text itself.

    Raises:
        InputError: data that is kept in a store cannot be read.
    """
    if text.startswith(DATA):
        data = text.removeprefix(DATA)
        return json.loads(_kept(data) if is_url(data) else data)
    return _path(text) if text.startswith(FILE) else text


def in_memory(text: str) -> bool:
    """Return whether a text stands for data that is kept in a file."""
    return text.startswith(DATA) and is_url(text.removeprefix(DATA))


def uri(path: str | os.PathLike[str] | os.PathLike[bytes] | Url) -> str:
    """Return the absolute file URI of a path: plain ASCII, whatever its name is made of; a URL as it is."""
    return str(path) if isinstance(path, Url) else Path(os.fsdecode(path)).absolute().as_uri()


def _as_it_is(value: object) -> str | None:
    """Return text that can cross: the URI of a path, or text that is short and harmless.

    Raises:
        InputError: ``input.url``: a URL holds what nobody else is to read.
    """
    if isinstance(value, str) and is_url(value):
        location(value)
    match value:
        case Url():
            return str(value)
        case os.PathLike():
            # A lone surrogate, which no path has, is for the job to refuse; what is no text, for `_json`.
            with suppress(UnicodeEncodeError, TypeError):
                return uri(value)
        case str() if not (value.isdecimal() or is_url(value)) and os.path.lexists(value):
            return uri(value)
        case str() if len(value) <= _LONGEST and value.isprintable() and not value.startswith(DATA):
            return value
    return None


def _json(value: object) -> str:
    try:
        # Not-a-number and lone surrogates pass, for the job to refuse with its own words.
        return json.dumps(os.fsdecode(value) if isinstance(value, os.PathLike) else value)
    except (TypeError, ValueError, RecursionError) as error:
        text = f"a value of type {type(value).__name__} has no JSON form: {error}"
        raise InputError("input.type", text) from error


@contextmanager
def _spooled(data: str, folder: Location) -> Iterator[Location]:
    """Keep data where whatever runs the jobs reaches it, as it does the documents."""
    if isinstance(folder, Url):
        from pipeline_jobs import remotely_kept  # noqa: PLC0415  # 20 ms, and nothing but a store takes it

        with remotely_kept(folder, data.encode("ascii")) as url:
            yield url
    else:
        with _spooled_here(data, folder) as path:
            yield path


@contextmanager
def _spooled_here(data: str, folder: Path) -> Iterator[Path]:
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    try:
        with draft(folder / "memory.json") as spool:
            spool.stream.write(data.encode("ascii"))
            spool.stream.flush()
            yield spool.temporary
    finally:
        with suppress(OSError):  # somebody wrote to it meanwhile
            for each in missing:
                each.rmdir()


def _kept(url: str) -> bytes:
    if url.startswith(FILE):
        return _path(url).read_bytes()
    from pipeline_jobs import open_input  # noqa: PLC0415  # see above

    with open_input(location(url)) as file:
        return file.read(file.size)


def _path(uri: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
