"""Typed rows and rejects, as documents of version 2 carry them from job to job."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec

from .records import MAX_INTEGER


class RejectKind(StrEnum):
    """Why a row is rejected."""

    COLUMNS = "columns"
    """It has too few or too many columns, or is no row at all."""
    TYPE = "type"
    """A value is missing, or has another type."""
    RULE = "rule"
    """A value breaks a rule of the record class, or of a `MapJob`."""
    UNDECODABLE = "undecodable"
    """Its bytes are no text in the encoding of the file."""
    NUL = "nul"
    """It has a NUL character."""
    TOO_LARGE = "too_large"
    """It is larger than the limit on a record."""


class Reject(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A row that is not loaded, and why.

    Args:
        kind: of the reason.
        column: that the reason is about; None for the row as a whole.
        reason: for a person; it never quotes the data.
        raw: the row as it was read, with NUL and undecodable bytes escaped.
        job: the job that rejected it, as the pipeline names it; its class without a pipeline.
    """

    kind: RejectKind
    column: str | None
    reason: str
    raw: str
    job: str = ""


class Row[T](msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """A row of a source: its line number and either its content or the reject that it became.

    Args:
        line_number: of its first line, counted from 1 over all lines of the source.
        content: the values, in the order of the schema's columns.
        reject: in place of the content.
    """

    line_number: Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
    content: T | msgspec.UnsetType = msgspec.UNSET
    reject: Reject | msgspec.UnsetType = msgspec.UNSET


def get_reject(row: Row[Any]) -> Reject:
    """Return the reject of a row that has one.

    Raises:
        ValueError: it has none.
    """
    if isinstance(row.reject, Reject):
        return row.reject
    raise ValueError(f"the row of line {row.line_number} is no reject")


class Schema(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Description of the rows of a document.

    Args:
        name: of the record class.
        fingerprint: changes with the columns and their rules; 16 hexadecimal digits.
        columns: their names, in the order of the values.
    """

    name: str
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    columns: tuple[str, ...]


class Sums(NamedTuple):
    """Numbers of the rows of a source: ``read`` = ``loaded`` + ``rejected`` + ``blank`` + ``dropped``.

    Args:
        read: rows of the source, blank ones included.
        loaded: rows that are loaded, or will be.
        rejected: rows that do not fit.
        blank: rows without content.
        dropped: rows that a `MapJob` has left out.
    """

    read: int
    loaded: int
    rejected: int = 0
    blank: int = 0
    dropped: int = 0

    @property
    def add_up(self) -> bool:
        """True if the parts make up the whole."""
        return self.read == self.loaded + self.rejected + self.blank + self.dropped


class RowChunk:
    """Successive rows of a source.

    Args:
        rows: those with content.
        rejects: those without, in line order too.
        canonical: the JSON of all of them in line order, as it stands in the document and is hashed.
    """

    __slots__ = ("canonical", "rejects", "rows")

    def __init__(self, rows: Sequence[Row[Any]], rejects: Sequence[Row[Any]], canonical: bytes) -> None:
        self.rows = rows
        self.rejects = rejects
        self.canonical = canonical

    def __len__(self) -> int:
        """Return the number of rows, rejected ones included."""
        return len(self.rows) + len(self.rejects)


class RowsDigest:
    """The numbers of rows and rejects, and the hash of their canonical form, computed chunk by chunk."""

    def __init__(self) -> None:
        self.loaded = 0
        self.rejected = 0
        self._hash = hashlib.sha256()

    def update(self, chunk: RowChunk) -> RowChunk:
        """Add the next rows and return them, so that `map` can pass them through."""
        if chunk:
            if self.loaded or self.rejected:
                self._hash.update(b",\n")
            self._hash.update(chunk.canonical)
            self.loaded += len(chunk.rows)
            self.rejected += len(chunk.rejects)
        return chunk

    @property
    def count(self) -> int:
        """The number of rows so far, without the rejects."""
        return self.loaded

    @property
    def sha256(self) -> str:
        """The hash so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()
