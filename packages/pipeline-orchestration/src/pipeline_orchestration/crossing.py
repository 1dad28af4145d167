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
    """Lend the text that stands for a value; where that needs a file, it is in `folder` and removed afterwards.

    Raises:
        InputError: ``input.type``: the value has no JSON form.
        OutputError: the file could not be written.
    """
    if isinstance(value, os.PathLike):
        yield _uri(os.fspath(value))
    elif isinstance(value, str) and (text := _as_it_is(value)) is not None:
        yield text
    else:
        data = _json(value)
        if len(data) <= _LONGEST and not isinstance(value, dict | list):
            yield f"{DATA}{data}"
        else:
            with _spooled(data, folder) as path:
                yield f"{DATA}{_uri(path)}"


def restored(text: str) -> object:
    """Return the value a text stands for: a path, data, or the text itself."""
    if text.startswith(DATA):
        data = text.removeprefix(DATA)
        return json.loads(_path(data).read_text(encoding="ascii") if data.startswith(FILE) else data)
    return _path(text) if text.startswith(FILE) else text


def _as_it_is(value: str) -> str | None:
    """Return text that can cross: that of a number, of a path that is there, or any that is short and harmless."""
    if value.isdecimal():
        return value if len(value) <= _LONGEST else None
    with suppress(ValueError):  # a NUL character, which no path has
        if os.path.lexists(value):
            return _uri(value)
    harmless = len(value) <= _LONGEST and value.isprintable() and not value.startswith(DATA)
    return value if harmless else None


def _json(value: object) -> str:
    try:
        # Not-a-number and lone surrogates pass, for the job to refuse with its own words.
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        text = f"a value of type {type(value).__name__} has no JSON form: {error}"
        raise InputError("input.type", text) from error


@contextmanager
def _spooled(data: str, folder: Path) -> Iterator[Path]:
    made = not folder.exists()
    with draft(folder / "memory.json") as spool:
        spool.stream.write(data.encode("ascii"))
        spool.stream.flush()
        yield spool.temporary
    if made:
        with suppress(OSError):  # somebody wrote to it meanwhile
            folder.rmdir()


def _uri(path: str | Path) -> str:
    return Path(path).absolute().as_uri()


def _path(uri: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
