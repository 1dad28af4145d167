"""How large a record may be, and the refusal of one that is larger."""

from collections.abc import Iterable

from .errors import InputError

MAX_RECORD_BYTES = 16 << 20
"""Bytes of a record's content in UTF-8 at most, unless another limit is given."""
MOST_RECORD_BYTES = 1 << 30
"""The largest limit that makes sense: what works on a record holds a few copies of it."""

_ESCAPED = 6  # characters of JSON for one byte of text at most, as in \u0041
_BESIDE = 1 << 20  # for all that a JSON value holds beside the text of a record
_WIDEST = 4  # bytes of a character in UTF-8 at most
_PIECE = 1 << 20


def json_limit(max_record_bytes: int) -> int:
    """Return how many characters or bytes of JSON a record of that size can take, in any layout in use."""
    return _ESCAPED * max_record_bytes + _BESIDE


def utf8_size(text: str) -> int:
    """Return how many bytes `text` takes in UTF-8, holding no second copy of a long one."""
    if text.isascii():
        return len(text)
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    # A lone surrogate is refused elsewhere, in words of its own.
    return sum(len(piece.encode("utf-8", "surrogatepass")) for piece in pieces)


def first_too_large(texts: Iterable[str], together: int, limit: int) -> int | None:
    """Return the index of the first text of more than `limit` bytes.

    Args:
        texts: not looked at if all of them together could be one within the limit.
        together: how long they are together, in characters or in bytes.
        limit: in bytes of UTF-8.
    """
    if _WIDEST * together <= limit:
        return None
    large = (n for n, text in enumerate(texts) if _WIDEST * len(text) > limit and utf8_size(text) > limit)
    return next(large, None)


def too_large(where: str, limit: int) -> InputError:
    """Make the error for a record of more than `limit` bytes."""
    text = f"{where}: a record of more than {limit} bytes; allow larger ones with --max-record-bytes"
    return InputError("input.record_size", text)
