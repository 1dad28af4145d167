"""Inputs as small, JSON-safe text, the only form in which they reach an engine, and back.

a path              file:///data/x.txt       no file name can break a run
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

from pipeline_jobs import InputError, draft

_LONGEST = 4096  # characters that cross as they are; Prefect refuses parameters of over half a megabyte
DATA = "json:"
FILE = "file:///"


@contextmanager
def crossed(value: object, folder: Path) -> Iterator[str]:
    """Lend the text that stands for a value; a file that this needs is in `folder`, and removed afterwards.

    Raises:
        InputError: ``input.type``: the value has no JSON form.
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
    """Return the value a text stands for: a path, data, or the text itself."""
    if text.startswith(DATA):
        data = text.removeprefix(DATA)
        return json.loads(_path(data).read_text(encoding="ascii") if data.startswith(FILE) else data)
    return _path(text) if text.startswith(FILE) else text


def uri(path: str | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """Return the absolute file URI of a path: plain ASCII, whatever its name is made of."""
    return Path(os.fsdecode(path)).absolute().as_uri()


def _as_it_is(value: object) -> str | None:
    """Return text that can cross: the URI of a path, or text that is short and harmless."""
    match value:
        case os.PathLike():
            # A lone surrogate, which no path has, is for the job to refuse; what is no text, for `_json`.
            with suppress(UnicodeEncodeError, TypeError):
                return uri(value)
        case str() if not value.isdecimal() and os.path.lexists(value):
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
def _spooled(data: str, folder: Path) -> Iterator[Path]:
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


def _path(uri: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
