"""Records, where they come from, and the canonical form their hash is taken over."""

import hashlib
import mmap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import msgspec

MAX_INTEGER = 2**63 - 1
"""The largest line number or batch id, that of a signed 64-bit column."""


class Record(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One line of a source: its number, counted from 1 over all lines, and its text without the line end."""

    line_number: Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
    content: str


_encoder = msgspec.json.Encoder()
_ROOM = 8 << 20  # bytes; several times what a chunk takes


def canonical(records: Sequence[Record]) -> bytes | bytearray:
    """Return the canonical form: a compact JSON object for each record, joined by ``,`` and LF.

    Raises:
        UnicodeEncodeError: a content holds a lone surrogate.
    """
    if isinstance(records, Chunk):
        return records.canonical
    return _lines(records)


def _lines(records: Sequence[Record]) -> bytes | bytearray:
    if len(records) == 1:  # a long line is a chunk by itself, and each copy of it would be felt
        buffer = bytearray()  # in which msgspec finds out by itself that there is no memory for more
        _encoder.encode_into(records[0], buffer)
        return buffer
    _check_room()
    # A raw LF cannot stand inside a JSON string, so each one found is the end of a record.
    return _encoder.encode_lines(records)[:-1].replace(b"\n", b",\n")


def _check_room() -> None:
    """Raise ``MemoryError`` in place of msgspec 0.22, which crashes where there is none for its bytes."""
    try:
        mmap.mmap(-1, _ROOM).close()  # never touched, it takes a few µs
    except OSError as error:
        raise MemoryError from error


class Chunk(tuple[Record, ...]):  # noqa: SLOT001  # a tuple's subclass cannot have slots with anything in them
    """Some successive records of a source, together with their canonical form: whoever needs it has it."""

    canonical: bytes | bytearray

    def __new__(cls, records: Iterable[Record], canonical_form: bytes | None = None) -> Self:
        """Keep `records`; their canonical form is made unless it is known already."""
        chunk = super().__new__(cls, records)
        chunk.canonical = _lines(chunk) if canonical_form is None else canonical_form
        return chunk


class RecordsDigest:
    """Counts records and hashes their canonical form, chunk by chunk."""

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.sha256()

    def update(self, records: Sequence[Record]) -> None:
        """Take in the next records."""
        if not records:
            return
        if self.count:
            self._hash.update(b",\n")
        self._hash.update(canonical(records))
        self.count += len(records)

    @property
    def sha256(self) -> str:
        """The hash so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from.

    Args:
        uri: the identity: the file URI of the original file, symbolic links resolved, or ``memory:``.
        name: what to call it when speaking to a person.
        size: bytes of the original file, where known.
        sha256: hash of the original file, where known.
    """

    uri: str
    name: str
    size: int | None = None
    sha256: str | None = None


MEMORY = Source("memory:", "memory")
"""The source of data that was handed over in memory and names no other."""
