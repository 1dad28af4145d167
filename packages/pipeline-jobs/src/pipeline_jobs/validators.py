"""Validators: each parses an untyped value into a typed one, or refuses it."""

import os
import re
from pathlib import Path

from .batch_store import BatchId
from .documents.records import MAX_INTEGER
from .escaping import escape
from .exceptions import InputError
from .storage.input import open_input
from .storage.location import Location, Url, parse_location

_BATCH_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_MAX_QUOTED = 40  # characters of a refused value that an error repeats


def parse_input_path(value: object) -> Path:
    """Parse the path of an input, and open it to check that it is a regular file that can be read.

    Returns:
        The absolute path; symbolic links are kept.

    Raises:
        InputError: ``input.type``, ``input.path``, ``input.missing``, ``input.not_a_file`` or
            ``input.unreadable``; a URL, other than one of ``file://``, is ``input.type`` too.
    """
    location = parse_file_location(value)
    if isinstance(location, Url):
        raise InputError("input.type", f"{escape(str(location))}: expected the path of a file, got a URL")
    with open_input(location):
        return location


def parse_input_location(value: object) -> Location:
    """Parse the path or URL of an input, and open it to check that it can be read.

    Returns:
        The absolute path, or the URL in a remote store.

    Raises:
        InputError: as `parse_input_path`, and for a URL ``input.url``, ``input.library`` or
            ``input.unreachable``.
    """
    location = parse_file_location(value)
    with open_input(location):
        return location


def parse_file_location(value: object) -> Location:
    """Parse the path or URL of a file without opening it: whoever opens it finds out whether it is there.

    Raises:
        InputError: ``input.type``, ``input.path`` or ``input.url``.
    """
    if isinstance(value, Url):
        return value
    try:
        text = os.fsdecode(value) if isinstance(value, str | os.PathLike) else None
    except TypeError:  # its __fspath__ returns neither text nor bytes
        text = None
    if text is None:
        raise InputError("input.type", f"expected the path of a file, got {_describe(value)}")
    if not text:
        raise InputError("input.path", "the path is empty")
    if "\0" in text:
        raise InputError("input.path", f"{escape(text)}: a path cannot hold a NUL character")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise InputError("input.path", f"{escape(text)}: a path cannot hold a lone surrogate") from error
    return parse_location(text if isinstance(value, str) else Path(text))


def parse_batch_id(value: object) -> BatchId:
    """Parse a batch id from 1 to 2⁶³ - 1, given as an integer or as its decimal text.

    Raises:
        InputError: ``input.type`` or ``input.id``.
    """
    match value:
        case bool():
            raise InputError("input.type", f"expected a batch id, got {value}")
        case int():
            number = value
        case str() if _BATCH_ID.fullmatch(value):
            number = int(value)
        case str():
            quoted = repr(value) if len(value) <= _MAX_QUOTED else f"{value[:_MAX_QUOTED]!r}…"
            raise InputError("input.id", f"invalid batch id {quoted}: expected a positive integer")
        case _:
            raise InputError("input.type", f"expected a batch id, got {_describe(value)}")
    if not 1 <= number <= MAX_INTEGER:
        # Python refuses to write out an integer of more than 4,300 digits.
        shown = str(number) if abs(number) < 2**100 else f"of {number.bit_length()} bits"
        raise InputError("input.id", f"invalid batch id {shown}: expected an integer between 1 and 2^63 - 1")
    return BatchId(number)


def _describe(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"
