"""A job between A and B that maps typed rows one by one."""

import os
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, get_args, get_origin

import msgspec

from .base import BaseJob
from .documents.reader import read_file
from .documents.records import Chunk
from .documents.row_faults import Fault
from .documents.row_reader import find_row_document
from .documents.rows import Reject, RejectKind, Row, RowChunk, Sums
from .documents.size_limits import DEFAULT_MAX_RECORD_BYTES
from .exceptions import InputError, JobError
from .readers.raw_texts import cut_raw
from .record_classes.record_class import RecordClass, make_record_class
from .reject_limit import RejectLimit, parse_reject_limit
from .row_documents import CheckedRows, RowDocumentDraft
from .storage.input import open_input
from .storage.location import Location, Url, parse_location
from .validators import parse_file_location

if TYPE_CHECKING:
    from .storage.input import Input
    from .storage.location import Source

_MAX_NAME = 20
"""Characters of a job's name in that of its document, each of at most four bytes."""
_NO_FILE_NAME = re.compile(r"[/\0]")


class RejectRow(Exception):  # noqa: N818  # it is raised by a rule, and is no failure of the job
    """Raised by `MapJob.row`: the row is rejected.

    Args:
        column: that the reason is about; None for the row as a whole.
        reason: for a person; it must not quote the data, as it is logged.
    """

    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(column, reason)
        self.column = column
        self.reason = reason


class MapJob[T, U](BaseJob[Location, Location]):
    """Read a document row by row, and write what `row` makes of each as a document.

    `T` is the record class of the rows, or `str` for lines of text; `U` that of the new rows. The document is
    named ``<stem>_<job>.json``, and appears whole or not at all. Line numbers, the source and the rejects of
    earlier jobs are passed on.

    Args:
        output_dir: the folder for the document, made if it is missing, or a URL in a remote store.
        max_rejects: how many rows may be rejected, by this job and those before it: a number, or a percentage
            of the rows that are not blank, such as ``1%``.
        max_record_bytes: limit on a row as JSON.

    Raises:
        TypeError: the class does not name `T` and `U`, or they are no record classes.
        ValueError: `max_rejects` is none.

    Counts ``records``, ``rejected`` (by this job) and ``dropped``.

    Example:
        >>> class Net(MapJob[Order, NetOrder]):  # doctest: +SKIP
        ...     def row(self, row: Order) -> NetOrder | None:
        ...         if row.amount < row.tax:
        ...             raise RejectRow("tax", "more than the amount")
        ...         return NetOrder(row.id, row.amount - row.tax) if row.paid else None
    """

    takes = "files"
    _types: ClassVar[tuple[Any, Any] | None] = None

    def __init_subclass__(cls, **arguments: object) -> None:
        """Keep the type arguments."""
        super().__init_subclass__(**arguments)
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is MapJob:
                cls._types = get_args(base)

    def __init__(
        self,
        output_dir: str | os.PathLike[str] | Url,
        max_rejects: str | int | RejectLimit = 0,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        if self._types is None:
            name = type(self).__qualname__
            raise TypeError(
                f"class {name}: name the classes of the rows: class {name}(MapJob[Order, NetOrder])"
            )
        taken, made = self._types
        self.output_dir = parse_location(output_dir)
        self.max_record_bytes = max_record_bytes
        self._limit = parse_reject_limit(max_rejects)
        self._taken = None if taken is str else make_record_class(taken)
        self._made = make_record_class(made)

    @abstractmethod
    def row(self, row: T) -> U | None:
        """Return what becomes of a row; None drops it.

        Raises:
            RejectRow: the row is rejected.
        """

    def validate_input(self, value: object) -> Location:
        """Parse the location of a document; `single_job` checks what is in it."""
        return parse_file_location(value)

    def single_job(self, value: Location) -> Location:
        """Write the new document and return where it is."""
        name = self.name or type(self).__name__
        with open_input(value) as file:
            before, source, rows = self._open_rows(file)
            draft = RowDocumentDraft(file.where, name, self._made.schema, self._limit, self.max_record_bytes)
            # Of what earlier jobs have left out, only the numbers are there.
            left_out = CheckedRows([], [], [], str, before.blank, before.dropped)
            mapped = chain([left_out], self._map(rows, file))
            suffix = f"_{_NO_FILE_NAME.sub('_', name)[:_MAX_NAME]}.json"
            location = draft.write(self.output_dir, source, mapped, suffix=suffix)
        self.counts.update(
            records=draft.sums.loaded,
            rejected=draft.sums.rejected - before.rejected,
            dropped=draft.sums.dropped - before.dropped,
        )
        return location

    def _open_rows(self, file: "Input") -> "tuple[Sums, Source, Iterator[_Rows]]":
        """Return what became of the rows before, their source, and the rows.

        Raises:
            InputError: ``input.columns``: the document holds others than this job takes.
        """
        document = find_row_document(file, self.max_record_bytes)
        wanted = None if self._taken is None else self._taken.schema.columns
        found = None if document is None else document.schema.columns
        if found != wanted:
            text = (
                f"{file.where}: holds {_describe(found)}, and {type(self).__name__} takes {_describe(wanted)}"
            )
            raise InputError("input.columns", f"{text}; name the record class of the job before")
        if document is None or self._taken is None:
            lines = read_file(file, self.max_record_bytes)
            return Sums(0, 0), lines.source or file.source, map(_take_lines, lines.chunks)
        chunks = document.read(self._taken.row_type)
        return document.sums, document.source, map(partial(_take_rows, self._taken), chunks)

    def _map(self, chunks: "Iterator[_Rows]", file: "Input") -> Iterator[CheckedRows]:
        """Yield what becomes of rows; then check that the document did not change."""
        records = 0
        for chunk in chunks:
            checked = self._map_chunk(chunk)
            records += len(checked.numbers)
            yield checked
            self.progress(file.position, file.size, records)
        file.check_unchanged()

    def _map_chunk(self, chunk: "_Rows") -> CheckedRows:
        made: list[Any] = []
        kept: list[int] = []
        faults: dict[int, Fault] = {}
        for index, row in enumerate(chunk.rows):
            try:
                new = self.row(row)
            except RejectRow as refusal:
                faults[index] = Fault(RejectKind.RULE, refusal.column, refusal.reason)
                continue
            except Exception as error:
                error.add_note(f"in the row of line {chunk.numbers[index]}")
                raise
            if new is None:
                continue
            if not isinstance(new, self._made.kind):
                expected = f"expected a {self._made.schema.name} or None"
                raise JobError("job.output", f"row() returned a {type(new).__name__}; {expected}")
            made.append(new)
            kept.append(index)
        dropped = len(chunk.rows) - len(kept) - len(faults)
        if non_finite := self._made.find_non_finite(made):
            faults |= {kept[place]: fault for place, fault in non_finite.items()}
            made = [record for place, record in enumerate(made) if place not in non_finite]
            kept = [index for place, index in enumerate(kept) if place not in non_finite]
        rejects: list[Row[Any]] = []
        for index, fault in faults.items():
            raw = cut_raw(chunk.show(index), self.max_record_bytes)
            rejects.append(Row(chunk.numbers[index], reject=Reject(*fault, raw)))
        return CheckedRows(
            [chunk.numbers[index] for index in kept],
            self._made.take_contents(made),
            [*chunk.rejects, *rejects],
            lambda place: chunk.show(kept[place]),
            dropped=dropped,
        )


class _Rows(NamedTuple):
    """Rows of a document, as `MapJob.row` takes them.

    Args:
        numbers: their line numbers.
        rows: the rows.
        rejects: of earlier jobs.
        show: returns a row as text by its index.
    """

    numbers: list[int]
    rows: Sequence[Any]
    rejects: Sequence[Row[Any]]
    show: Callable[[int], str]


def _take_lines(chunk: Chunk) -> _Rows:
    lines = [record.content for record in chunk]
    return _Rows([record.line_number for record in chunk], lines, (), lines.__getitem__)


def _take_rows(taken: RecordClass, chunk: RowChunk) -> _Rows:
    contents = [row.content for row in chunk.rows]

    def show(index: int) -> str:
        values = msgspec.json.decode(msgspec.json.encode(contents[index]))
        return msgspec.json.encode(dict(zip(taken.schema.columns, values, strict=True))).decode()

    return _Rows(
        [row.line_number for row in chunk.rows], list(taken.make_records(contents)), chunk.rejects, show
    )


def _describe(columns: tuple[str, ...] | None) -> str:
    return "lines of text" if columns is None else f"rows of {', '.join(columns) or 'any columns'}"
