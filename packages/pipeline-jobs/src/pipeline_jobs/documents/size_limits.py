"""Limits on the size of a record, with the error for a larger one, and on what a compressed file holds."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline_jobs.exceptions import InputError

if TYPE_CHECKING:
    from .records import Chunk  # imports msgspec, 20 ms; --help does without

DEFAULT_MAX_RECORD_BYTES = 16 << 20
"""The default limit on a record's content, in bytes of UTF-8."""
LARGEST_MAX_RECORD_BYTES = 1 << 30
"""The largest limit that can be set: the code holds a few copies of a record."""

DEFAULT_MAX_UNPACKED_BYTES = 1 << 40
"""The default limit on what a compressed file unpacks to: few machines have room for the document of more."""
DEFAULT_MAX_UNPACKED_RATIO = 2000
"""The default limit on that size as a multiple of the file's own.

It refuses no honest file: lines that differ in no more than a number compress 200:1 by the strongest program,
and gzip cannot reach more than 1032:1. Only equal lines compress better: 7,000:1 by xz, 11,000:1 by zstd.
"""
LARGEST_MAX_UNPACKED = 1 << 50
"""The largest limit of either kind that can be set."""

_JSON_PER_BYTE = 6  # characters of JSON for one byte of text at most, as in \u0041
_JSON_OVERHEAD = 1 << 20  # for everything that a JSON value holds besides the text of a record
_MAX_CHARACTER_BYTES = 4  # of one character in UTF-8
_PIECE = 1 << 20


def compute_json_limit(max_record_bytes: int) -> int:
    """Return how many characters or bytes of JSON a record of that size takes at most, in any layout."""
    return _JSON_PER_BYTE * max_record_bytes + _JSON_OVERHEAD


def count_utf8_bytes(text: str) -> int:
    """Return the length of `text` in UTF-8, without making a second copy of a long one."""
    if text.isascii():
        return len(text)
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    # A lone surrogate is refused elsewhere, with an error of its own.
    return sum(len(piece.encode("utf-8", "surrogatepass")) for piece in pieces)


def find_too_large(texts: Iterable[str], total: int, limit: int) -> int | None:
    """Return the index of the first text of more than `limit` bytes, if there is one.

    Args:
        texts: only looked at if one of them may be too large.
        total: the length of all of them together, in characters or bytes.
        limit: in bytes of UTF-8.
    """
    if _MAX_CHARACTER_BYTES * total <= limit:
        return None
    too_large = (
        index
        for index, text in enumerate(texts)
        if _MAX_CHARACTER_BYTES * len(text) > limit and count_utf8_bytes(text) > limit
    )
    return next(too_large, None)


def check_sizes(chunk: "Chunk", before: int, where: str, max_record_bytes: int) -> None:
    """Check that no record of a chunk, which comes after `before` others, is too large.

    Raises:
        InputError: ``input.record_size``.
    """
    contents = (record.content for record in chunk)
    if (too_large := find_too_large(contents, len(chunk.canonical), max_record_bytes)) is not None:
        raise make_size_error(f"{where}, record {before + too_large + 1}", max_record_bytes)


def make_size_error(where: str, limit: int) -> InputError:
    """Make the error for a record of more than `limit` bytes."""
    text = f"{where}: a record of more than {limit} bytes; allow larger ones with --max-record-bytes"
    return InputError("input.record_size", text)
