"""Loose values parsed into typed ones, or refused."""

import os
import re
from pathlib import Path

from .display import shown
from .errors import InputError
from .places import open_input
from .records import MAX_INTEGER
from .store import BatchId
from .url import Location, Url, location

_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def input_path(value: object) -> Path:
    """Return the absolute path of a regular file that can be read.

    Raises:
        InputError: ``input.type``, ``input.path``, ``input.missing``, ``input.not_a_file`` or
            ``input.unreadable``; a URL, other than one of ``file://``, is ``input.type`` too.
    """
    place = _parsed(value)
    if isinstance(place, Url):
        raise InputError("input.type", f"{shown(str(place))}: expected the path of a file, got a URL")
    with open_input(place):
        return place


def input_location(value: object) -> Location:
    """Return where a file is that can be read: the absolute path of a regular file, or a URL in a store.

    Raises:
        InputError: as ``input_path``, and of a URL ``input.url``, ``input.library`` or ``input.unreachable``.
    """
    place = _parsed(value)
    with open_input(place):
        return place


def _parsed(value: object) -> Location:
    if isinstance(value, Url):
        return value
    try:
        text = os.fsdecode(value) if isinstance(value, str | os.PathLike) else None
    except TypeError:  # its __fspath__ returns neither text nor bytes
        text = None
    if text is None:
        raise InputError("input.type", f"expected the path of a file, got {_kind(value)}")
    if not text:
        raise InputError("input.path", "the path is empty")
    if "\0" in text:
        raise InputError("input.path", f"{shown(text)}: a path cannot hold a NUL character")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise InputError("input.path", f"{shown(text)}: a path cannot hold a lone surrogate") from error
    return location(text if isinstance(value, str) else Path(text))


def batch_id(value: object) -> BatchId:
    """Return a batch id given as an integer or as its decimal text, 1 to 2⁶³ - 1.

    Raises:
        InputError: ``input.type`` or ``input.id``.
    """
    match value:
        case bool():
            raise InputError("input.type", f"expected a batch id, got {value}")
        case int():
            number = value
        case str() if _ID.fullmatch(value):
            number = int(value)
        case str():
            raise InputError("input.id", f"{_short(value)} is no batch id; it is a whole number from 1")
        case _:
            raise InputError("input.type", f"expected a batch id, got {_kind(value)}")
    if not 1 <= number <= MAX_INTEGER:
        # Python does not write out an integer of more than 4,300 digits.
        said = str(number) if abs(number) < 2**100 else f"a number of {number.bit_length()} bits"
        raise InputError("input.id", f"{said} is no batch id; it lies between 1 and 2^63 - 1")
    return BatchId(number)


def _short(text: str, limit: int = 40) -> str:
    return repr(text) if len(text) <= limit else f"{text[:limit]!r}…"


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
