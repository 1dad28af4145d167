"""Reading of typed rows: documents of version 2, in a stream."""

from collections.abc import Iterator
from contextlib import suppress
from operator import lt
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import InputError
from pipeline_jobs.storage.input import Contents, find_handed_on, make_replaced_error

from .pieces import read_pieces
from .row_faults import parse_refusal
from .rows import Row, RowChunk, RowsDigest
from .size_limits import compute_json_limit, make_size_error
from .writer import HEAD_LIMIT, TAIL_LIMIT, Head, parse_head, parse_row_tail

if TYPE_CHECKING:
    from pipeline_jobs.storage.input import Input
    from pipeline_jobs.storage.location import Source


_REJECT = b'"reject":{'


class _FullRow[T](msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A row that is no reject, as `Row` has it."""

    line_number: int
    content: T


class RowDocument:
    """A document of typed rows that is being read.

    Args:
        file: opened; it must stay open while the rows are read.
        head: of the document, with a schema.
        max_record_bytes: limit on a row.

    Attributes:
        source: that the document names.
        schema: of its rows.
        sums: what became of the rows of the source.

    Raises:
        InputError: ``input.shape``: the document is not as `DocumentWriter` writes it.
    """

    def __init__(self, file: "Input", head: Head, max_record_bytes: int) -> None:
        self._file = file
        self._head = head
        self._max_record_bytes = max_record_bytes
        self.source: Source = head.source
        assert head.schema is not None  # noqa: S101  # the caller has looked
        self.schema = head.schema
        file.seek(max(0, file.size - TAIL_LIMIT))
        tail = parse_row_tail(file.read(TAIL_LIMIT))
        if tail is None or not tail[0].add_up:
            hint = "write it again with the job that made it"
            text = f"{file.where}: typed rows whose end is missing, or whose sums do not add up; {hint}"
            raise InputError("input.shape", text)
        self.sums, self._sha256, self._tail_size = tail
        handed_on = find_handed_on(file.path)
        if handed_on not in (None, Contents(head.source, self.sums.loaded, self._sha256)):
            raise make_replaced_error(file.where)

    def read(self, row_type: Any) -> Iterator[RowChunk]:  # noqa: ANN401  # a type for msgspec
        """Yield the rows, their contents decoded to a type that msgspec knows.

        Raises:
            InputError: ``input.shape``, ``input.row``, ``input.record_size``: a row is refused; at the end,
                ``input.hash`` or ``input.count``: the rows are not those that the document says.
        """
        file, digest, last = self._file, RowsDigest(), 0
        full = msgspec.json.Decoder(list[_FullRow[row_type]])
        mixed = msgspec.json.Decoder(list[Row[row_type]])
        end = file.size - self._tail_size
        for piece in read_pieces(file, self._head.length, end, compute_json_limit(self._max_record_bytes)):
            if len(piece) > self._max_record_bytes:
                self._check_sizes(piece)
            rows = self._decode(mixed if _REJECT in piece else full, piece)
            numbers = [row.line_number for row in rows]
            if not rows or not all(map(lt, [last, *numbers], numbers)):
                raise InputError("input.shape", f"{file.where}: line numbers that do not ascend")
            last = numbers[-1]
            rejects: list[Row[Any]] = []
            if _REJECT in piece:
                rejects = [row for row in rows if row.reject is not msgspec.UNSET]
                rows = [row for row in rows if row.reject is msgspec.UNSET]
                if not _are_complete(rows, rejects):
                    text = f"{file.where}: a row without a content or a reject, or with both"
                    raise InputError("input.shape", text)
            yield digest.update(RowChunk(rows, rejects, piece))
        if (digest.loaded, digest.rejected) != (self.sums.loaded, self.sums.rejected):
            text = f"{digest.loaded} rows and {digest.rejected} rejects"
            expected = f"{self.sums.loaded} and {self.sums.rejected}"
            raise InputError("input.count", f"{file.where}: holds {text}, but says {expected}")
        if digest.sha256 != self._sha256:
            raise InputError("input.hash", f"{file.where}: the rows do not match records_sha256")

    def _decode(self, decoder: "msgspec.json.Decoder[Any]", piece: bytes) -> list[Any]:
        text = b"".join((b"[", piece, b"]"))
        try:
            rows: list[Any] = decoder.decode(text)
        except msgspec.ValidationError as error:
            raise self._make_row_error(error, text) from None  # its text may quote the data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InputError("input.shape", f"{self._file.where}: rows that are no JSON") from None
        return rows

    def _make_row_error(self, error: msgspec.ValidationError, text: bytes) -> InputError:
        """Make the error for a row that does not fit, naming its line and column."""
        where, refusal, number = self._file.where, parse_refusal(error), None
        with suppress(msgspec.DecodeError, UnicodeDecodeError, AttributeError, LookupError, TypeError):
            number = msgspec.json.decode(text)[refusal.row]["line_number"] if refusal else None
        if refusal is None or not isinstance(number, int):
            return InputError("input.shape", f"{where}: expected rows as job A writes them")
        place = refusal.place
        if not isinstance(place, int):
            return InputError("input.shape", f"{where}: the row of line {number} is not as job A writes it")
        column = self.schema.columns[place] if place < len(self.schema.columns) else f"column {place + 1}"
        reason = refusal.reason or "a value of another type"
        fault = f"{escape(self.source.name)}: line {number}, {column}: {reason}"
        hint = "give the record class this rule too, and such rows are rejects"
        return InputError("input.row", f"{fault}; {hint}")

    def _check_sizes(self, piece: bytes) -> None:
        largest = max((len(row) for row in piece.split(b",\n") if _REJECT not in row), default=0)
        if largest > self._max_record_bytes:
            raise make_size_error(f"{self._file.where}, a row of it", self._max_record_bytes)


def _are_complete(rows: "list[Row[Any]]", rejects: "list[Row[Any]]") -> bool:
    """Return whether each row has a content, and each reject has none."""
    return all(row.content is not msgspec.UNSET for row in rows) and all(
        row.content is msgspec.UNSET for row in rejects
    )


def find_row_document(file: "Input", max_record_bytes: int) -> RowDocument | None:
    """Return the document in a file if it holds typed rows; else None, and the file is at its start again.

    Raises:
        InputError: as `RowDocument`.
    """
    head = parse_head(file.read(HEAD_LIMIT))
    if head is None or head.schema is None:
        file.seek(0)
        return None
    return RowDocument(file, head, max_record_bytes)
