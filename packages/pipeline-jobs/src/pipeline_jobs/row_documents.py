"""Documents of typed rows: rows are checked, rejects are counted against their limit, and all are written."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .document_files import SUFFIX, write_chunks
from .documents.records import encode_canonical
from .documents.row_faults import Fault
from .documents.rows import Reject, RejectKind, Row, RowChunk, Schema, Sums, get_reject
from .documents.writer import HEAD_LIMIT
from .exceptions import InputError
from .readers.raw_texts import cut_raw

if TYPE_CHECKING:
    from .base import Progress
    from .reject_limit import RejectLimit
    from .storage.content import Content
    from .storage.location import Location, Source

_NAMED = 10
"""Rejects that an error names."""
_MAX_SCHEMA = HEAD_LIMIT // 2
"""Bytes of a schema as JSON; the rest of the head is for the source."""
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class CheckedRows(NamedTuple):
    """Successive rows that a job passes on, and what became of the others.

    Args:
        numbers: line numbers of the rows.
        contents: their values, encoded as arrays.
        rejects: rows that do not fit.
        show: returns the raw text of a row by its index in `numbers`.
        blank: how many were blank.
        dropped: how many were left out.
    """

    numbers: Sequence[int]
    contents: Sequence[Any]
    rejects: Sequence[Row[Any]]
    show: Callable[[int], str]
    blank: int = 0
    dropped: int = 0


class RowDocumentDraft:
    """A document of typed rows that is being written.

    Args:
        where: the input as errors name it.
        job: that writes it, as rejects name it.
        schema: of the rows.
        limit: on the rejects of this job and of those before it.
        max_record_bytes: limit on a row as JSON.

    Attributes:
        sums: what has become of the rows so far.

    Raises:
        InputError: ``input.columns``: the names of the columns do not fit into the head of a document.
    """

    def __init__(
        self, where: str, job: str, schema: Schema, limit: "RejectLimit", max_record_bytes: int
    ) -> None:
        if len(msgspec.json.encode(schema)) > _MAX_SCHEMA:
            text = f"{where}: the names of its {len(schema.columns)} columns take over {_MAX_SCHEMA} bytes"
            raise InputError("input.columns", f"{text}; name fewer columns in a record class")
        self.schema = schema
        self._where = where
        self._job = job
        self._limit = limit
        self._max_record_bytes = max_record_bytes
        self._named: list[Row[Any]] = []
        self._own = 0
        self.sums = Sums(0, 0)

    def write(
        self,
        folder: "Location",
        origin: "Content | Source",
        rows: Iterable[CheckedRows],
        *,
        suffix: str = SUFFIX,
        progress: "Progress | None" = None,
    ) -> "Location":
        """Write the document, and return where it is.

        Raises:
            InputError: ``input.rejects``: there are more than the limit; no document is written.
            OutputError: the document cannot be written.
        """
        # Not in a thread, as lines are: a row takes longer to make than to write.
        chunks = self._make_chunks(rows)
        return write_chunks(folder, origin, chunks, self._max_record_bytes, suffix, progress, self)

    def _make_chunks(self, rows: Iterable[CheckedRows]) -> Iterator[RowChunk]:
        for checked in rows:
            chunk = self._encode(checked)
            own = [row for row in chunk.rejects if get_reject(row).job == self._job]
            self._own += len(own)
            self._named += own[: _NAMED - len(self._named)]
            loaded, rejected = len(chunk.rows), len(chunk.rejects)
            read = loaded + rejected + checked.blank + checked.dropped
            news = (read, loaded, rejected, checked.blank, checked.dropped)
            self.sums = Sums(*map(sum, zip(self.sums, news, strict=True)))
            if chunk:
                yield chunk
        self._check_limit()

    def _encode(self, checked: CheckedRows) -> RowChunk:
        """Make a chunk of rows; those that no document may hold become rejects."""
        rows: list[Row[Any]] = list(map(Row, checked.numbers, checked.contents))
        rejects = list(map(self._name_job, checked.rejects))
        try:
            canonical = self._join(rows, rejects)
            is_good = len(canonical) <= self._max_record_bytes and not _has_nul(canonical)
        except UnicodeEncodeError:  # a lone surrogate
            is_good = False
        if not is_good:
            good = []
            for index, row in enumerate(rows):
                if fault := self._find_fault(row):
                    raw = cut_raw(checked.show(index), self._max_record_bytes)
                    reject = Reject(*fault, raw, self._job)
                    rejects.append(Row(row.line_number, reject=reject))
                else:
                    good.append(row)
            rows = good
            canonical = self._join(rows, rejects)
        return RowChunk(rows, rejects, canonical)

    def _name_job(self, row: Row[Any]) -> Row[Any]:
        """Return a reject with the name of this job, unless an earlier one has rejected the row."""
        reject = get_reject(row)
        if reject.job:
            return row
        return Row(row.line_number, reject=msgspec.structs.replace(reject, job=self._job))

    def _join(self, rows: list[Row[Any]], rejects: list[Row[Any]]) -> bytes:
        """Return rows and rejects in line order, as they stand in the document."""
        if rejects:
            rejects.sort(key=_get_number)
            rows = sorted([*rows, *rejects], key=_get_number)
        return bytes(encode_canonical(rows)) if rows else b""

    def _find_fault(self, row: Row[Any]) -> Fault | None:
        try:
            encoded = msgspec.json.encode(row)
        except UnicodeEncodeError:
            return Fault(RejectKind.UNDECODABLE, None, "bytes that are not text")
        if len(encoded) > self._max_record_bytes:
            return Fault(RejectKind.TOO_LARGE, None, f"more than {self._max_record_bytes} bytes as JSON")
        return Fault(RejectKind.NUL, None, "a NUL character") if _has_nul(encoded) else None

    def _check_limit(self) -> None:
        """Refuse the input if too many of its rows are rejected.

        A job before this one has decided on its own rejects already.
        """
        rows = self.sums.read - self.sums.blank
        if not self._own or self._limit.allows(self.sums.rejected, rows):
            return
        named = "; ".join(map(_describe, self._named))
        more = self._own - len(self._named)
        allowed = f", {self._limit} allowed" if self._limit.allows(1, rows) else ""
        text = f"{self._where}: {self.sums.rejected} of {rows} rows do not fit{allowed}: {named}"
        text += f"; and {more} more" if more else ""
        hint = f"correct them, or let them be rejected with --max-rejects {self.sums.rejected}"
        if any(get_reject(row).kind is RejectKind.UNDECODABLE for row in self._named):
            hint = f"name the encoding of the file with --encoding, {hint}"
        raise InputError("input.rejects", f"{text}; {hint}")


def _has_nul(canonical: bytes) -> bool:
    return b"\\u0000" in canonical and _NUL.search(canonical) is not None


def _get_number(row: Row[Any]) -> int:
    return row.line_number


def _describe(row: Row[Any]) -> str:
    """Return a reject in words, without data."""
    reject = get_reject(row)
    column = f", {reject.column}" if reject.column else ""
    return f"line {row.line_number}{column}: {reject.reason} ({reject.kind.value})"
