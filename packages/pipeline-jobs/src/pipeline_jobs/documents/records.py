"""Records, and the canonical form that their hash is computed from."""

import hashlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self

import msgspec

from pipeline_jobs.exceptions import InputError

if TYPE_CHECKING:
    from pipeline_jobs.storage.location import Source

MAX_INTEGER = 2**63 - 1
"""The largest line number or batch id, that of a signed 64-bit column."""


class Record(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One line of a source: its number, counted from 1 over all lines, and its text without the line end."""

    line_number: Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
    content: str


_encoder = msgspec.json.Encoder()
_ROOM = 8 << 20  # bytes; several times the size of a usual chunk


def encode_canonical(records: Sequence[msgspec.Struct]) -> bytes | bytearray:
    """Return the canonical form of records or rows: a compact JSON object for each, joined by ``,`` and LF.

    Raises:
        UnicodeEncodeError: a content holds a lone surrogate.
    """
    if len(records) == 1:
        # A long line is a chunk by itself, and each copy of it takes much memory. With `encode_into`, msgspec
        # itself raises MemoryError if there is none left.
        buffer = bytearray()
        _encoder.encode_into(records[0], buffer)
        return buffer
    _check_memory()
    # A raw LF cannot occur inside a JSON string, so each LF is the end of a record.
    return _encoder.encode_lines(records)[:-1].replace(b"\n", b",\n")


def _check_memory() -> None:
    """Raise ``MemoryError`` where msgspec 0.22 would crash, because it cannot allocate its output."""
    try:
        mmap.mmap(-1, _ROOM).close()  # a few µs, as the memory is never touched
    except OSError as error:
        raise MemoryError from error


class Chunk(tuple[Record, ...]):  # noqa: SLOT001  # a subclass of tuple cannot have slots with content
    """Successive records of a source, together with their canonical form, so that it is made only once."""

    canonical: bytes | bytearray

    def __new__(cls, records: Iterable[Record], canonical_form: bytes | None = None) -> Self:
        """Keep `records`, and encode their canonical form unless it is given."""
        chunk = super().__new__(cls, records)
        chunk.canonical = encode_canonical(chunk) if canonical_form is None else canonical_form
        return chunk


class RecordsDigest:
    """The number of records and the hash of their canonical form, computed chunk by chunk."""

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.sha256()

    def update[Records: Sequence[Record]](self, records: Records) -> Records:
        """Add the next records and return them, so that `map` can pass them through."""
        if records:
            if self.count:
                self._hash.update(b",\n")
            canonical = records.canonical if isinstance(records, Chunk) else encode_canonical(records)
            self._hash.update(canonical)
            self.count += len(records)
        return records

    @property
    def sha256(self) -> str:
        """The hash so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()


class Document(NamedTuple):
    """A document that is being read.

    Args:
        source: the source that the document names; None if it names none.
        chunks: the records. Iterating raises ``InputError`` if they are not what the document says, perhaps
            only at the end.
    """

    source: "Source | None"
    chunks: Iterable[Chunk]


def verify_records(
    chunks: Iterable[Chunk], where: str, count: int | None, sha256: str | None
) -> Iterator[Chunk]:
    """Pass the chunks on, then compare them with the count and hash that the document names."""
    digest = RecordsDigest()
    yield from map(digest.update, chunks)  # unlike a loop variable, `map` keeps no chunk alive
    compare_digest(digest, where, count, sha256)


def compare_digest(digest: RecordsDigest, where: str, count: int | None, sha256: str | None) -> None:
    """Compare records with the count and hash that their document names; None for one that it does not name.

    Raises:
        InputError: ``input.count`` or ``input.hash``.
    """
    hint = "without record_count and records_sha256 it loads as written by hand"
    if count not in (None, digest.count):
        text = f"{where}: holds {digest.count} records, but record_count is {count}; {hint}"
        raise InputError("input.count", text)
    if sha256 not in (None, digest.sha256):
        raise InputError("input.hash", f"{where}: the records do not match records_sha256; {hint}")
