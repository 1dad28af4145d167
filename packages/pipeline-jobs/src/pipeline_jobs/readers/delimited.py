"""Delimited text, such as CSV, as rows: Python's `csv` on lines of bounded length."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import sub
from typing import TYPE_CHECKING, Literal, NamedTuple

from pipeline_jobs.documents.rows import Reject, RejectKind, Row, get_reject
from pipeline_jobs.documents.size_limits import make_size_error
from pipeline_jobs.exceptions import InputError

from .raw_texts import cut_raw, find_fault
from .reader import RowBatch, RowInput
from .text_lines import TextLines

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

_BATCH = 5000  # rows
# Texts of csv's errors, which have no class of their own.
_UNCLOSED = "unexpected end of data"
_TOO_LARGE = "field larger than field limit"


@dataclass(frozen=True)
class Csv:
    """Reads delimited text: a row a line, but for line breaks inside quotes.

    Args:
        delimiter: between columns, one character.
        quotechar: around values with a delimiter, a quote or a line break, one character; None for none.
        header: whether the first row, after `skip_rows`, has the names of the columns.
        names: of the columns, in place of those of the header; without either, the fields of the record
            class.
        skip_rows: lines before the header.
        null_values: texts of values that mean null.
        unknown: what to do with columns that the record class lacks: ``refuse`` the file, or ``ignore`` them.
        escapechar: takes the meaning from the character after it; None for none.
        doublequote: whether a quote inside quotes is written twice.

    Raises:
        TypeError, ValueError: a value is none of these.

    A row with too few or too many columns, or with wrong quotes, is a reject. A quote that is never closed
    refuses the file.
    """

    delimiter: str = ","
    quotechar: str | None = '"'
    header: bool = True
    names: Sequence[str] | None = None
    skip_rows: int = 0
    null_values: Sequence[str] = ("",)
    unknown: Literal["refuse", "ignore"] = "refuse"
    escapechar: str | None = None
    doublequote: bool = True

    def __post_init__(self) -> None:
        """Check the values, and keep them in a form that cannot change."""
        for name in ("names", "null_values"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise TypeError(f"Csv: {name} is the text {given!r}, expected a list of texts")
            object.__setattr__(self, name, None if given is None else tuple(given))
        if self.unknown not in ("refuse", "ignore"):
            raise ValueError(f"Csv: unknown is {self.unknown!r}, expected 'refuse' or 'ignore'")
        if type(self.skip_rows) is not int or self.skip_rows < 0:
            raise ValueError(f"Csv: skip_rows is {self.skip_rows!r}, expected a whole number from 0")
        if self.names is not None and (fault := _find_fault_of_names(self.names)):
            raise ValueError(f"Csv: names: {fault}")
        marks = [each for each in (self.delimiter, self.quotechar, self.escapechar) if each is not None]
        if len(set(marks)) < len(marks) or not {"\r", "\n"}.isdisjoint(marks):
            raise ValueError("Csv: delimiter, quotechar and escapechar must differ, and be no line breaks")
        try:
            self.split([])
        except (TypeError, ValueError) as error:
            raise ValueError(f"Csv: {error}") from error

    def split(self, lines: Iterable[str]) -> "CsvReader":
        """Return an iterator over the rows of lines."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quotechar,
            escapechar=self.escapechar,
            doublequote=self.doublequote,
            quoting=csv.QUOTE_NONE if self.quotechar is None else csv.QUOTE_MINIMAL,
            strict=True,
        )

    def read_batches(self, file: RowInput) -> Iterator[RowBatch]:
        """Yield the rows of a file in batches."""
        rows = _RowStream(self, file)
        columns = self._read_header(rows, file.where) if self.header else self.names or file.fields
        if columns is None:
            text = f"{file.where}: is read without a header; name the columns with Csv(names=…)"
            raise InputError("input.columns", text)
        yield RowBatch([], [], tuple(columns))  # the names of the columns are checked before any row
        while batch := rows.read_batch(columns):
            if self.null_values:
                self._replace_nulls(batch.values)
            yield batch

    def _read_header(self, rows: "_RowStream", where: str) -> tuple[str, ...]:
        while batch := rows.read_batch(None, 1):
            line = f"{where}, line {rows.line}"
            if batch.rejects:
                reason = get_reject(batch.rejects[0]).reason
                raise InputError(
                    "input.columns", f"{line}: expected the names of the columns, found {reason}"
                )
            if batch.values:
                return self._check_header(batch.values[0], line)
        raise InputError("input.columns", f"{where}: has no header; if it has no rows, give it one")

    def _check_header(self, row: Sequence[str], line: str) -> tuple[str, ...]:
        if self.names is not None and len(self.names) != len(row):
            text = f"{line}: has {len(row)} columns, and names are given for {len(self.names)}"
            raise InputError("input.columns", text)
        names = tuple(self.names or (name.strip() for name in row))
        if fault := _find_fault_of_names(names):
            raise InputError("input.columns", f"{line}: {fault}; name the columns with Csv(names=…)")
        return names

    def _replace_nulls(self, rows: list[list[str | None]]) -> None:
        """Put None in the place of null values; most rows have none, or few."""
        if self.null_values == ("",):
            for row in rows:
                if "" in row:
                    row[:] = [value or None for value in row]
            return
        for row in rows:
            row[:] = [None if value in self.null_values else value for value in row]


def _find_fault_of_names(names: Sequence[str]) -> str | None:
    """Return what is wrong with the names of columns."""
    known: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if not name:
            return f"column {position} has no name"
        if name in known:  # the file may have no header, and this be data
            return f"columns {known[name]} and {position} have the same name"
        known[name] = position
    return None


class _Block(NamedTuple):
    """Successive lines of a file.

    Args:
        first: number of the first line.
        lines: the lines, with their ends.
        is_clean: whether none has a NUL or undecodable bytes.
    """

    first: int
    lines: list[str]
    is_clean: bool


class _RowStream:
    """The rows of a file as `csv` splits them, with their line numbers and raw texts.

    Attributes:
        line: number of the last line of the rows so far.
    """

    def __init__(self, dialect: Csv, file: RowInput) -> None:
        self._text = TextLines(
            file.where,
            file.encoding,
            file.max_record_bytes,
            delimiter=dialect.delimiter,
            quote=dialect.quotechar or "",
            escape=dialect.escapechar or "",
        )
        self._where = file.where
        self._limit = file.max_record_bytes
        self._blocks: deque[_Block] = deque()
        self._read = 0
        lines = chain.from_iterable(map(self._keep, self._text.split(file.content.blocks)))
        self._skipped = sum(1 for _ in islice(lines, dialect.skip_rows))
        # A row's size has its own limit; this one, of the whole process, ends a quote that is never closed.
        csv.field_size_limit(max(csv.field_size_limit(), 4 * self._limit))
        self._rows = dialect.split(lines)
        self.line = self._skipped

    def _keep(self, lines: list[str]) -> list[str]:
        self._blocks.append(_Block(self._read + 1, lines, self._text.is_clean))
        self._read += len(lines)
        return lines

    def read_batch(self, columns: Sequence[str] | None, count: int = _BATCH) -> RowBatch | None:
        """Return the next rows; None at the end.

        Raises:
            InputError: ``input.csv`` or ``input.record_size``: a quote is not closed.
        """
        first = self.line + 1
        while self._blocks and self._blocks[0].first + len(self._blocks[0].lines) <= first:
            self._blocks.popleft()
        rows: list[list[str]] = []
        ends: list[int] = []
        fault = None
        try:
            for row in islice(self._rows, count):
                rows.append(row)
                ends.append(self._rows.line_num)
        except csv.Error as error:
            fault = str(error)
        if not rows and fault is None:
            return None
        self.line = self._rows.line_num + self._skipped
        if self._skipped:
            ends = [end + self._skipped for end in ends]
        starts = [first, *(end + 1 for end in ends)]
        bad = starts.pop()
        batch = self._select(starts, ends, rows, columns)
        if fault is not None:
            batch.rejects.append(Row(bad, reject=self._reject(bad, fault)))
        return batch

    def _reject(self, start: int, fault: str) -> Reject:
        """Return the reject for a row that `csv` refuses, from its first line to the current one."""
        if fault.startswith(_UNCLOSED):
            text = f"{self._where}, line {start}: a quote is opened, and closed nowhere in the file"
            raise InputError("input.csv", text)
        if fault.startswith(_TOO_LARGE):
            error = make_size_error(f"{self._where}, line {start}", self._limit)
            raise InputError(error.code, f"{error.message}; perhaps a quote is not closed")
        raw = self._get_raw(start, self.line)
        return find_fault(raw, self._limit) or Reject(
            RejectKind.COLUMNS, None, "wrong quotes", cut_raw(raw, self._limit)
        )

    def _select(
        self, starts: list[int], ends: list[int], rows: list[list[str]], columns: Sequence[str] | None
    ) -> RowBatch:
        """Return a batch of the rows that are neither blank nor bad."""
        batch = RowBatch(starts, rows, None if columns is None else tuple(columns))
        width = len(columns) if columns else max(map(len, rows), default=0)
        suspects: Iterable[int] = range(len(rows))
        if self._are_clean() and not self._may_be_too_large(starts, ends):
            widths = list(map(len, rows))
            suspects = [] if widths.count(width or -1) == len(rows) else _find_others(widths, width)
        bad = {n for n in suspects if not self._is_good(batch, starts[n], ends[n], rows[n], width)}
        if bad:
            good = [index for index in range(len(rows)) if index not in bad]
            starts, ends = [starts[index] for index in good], [ends[index] for index in good]
            batch.values = [rows[index] for index in good]
            batch.numbers = starts
        blocks = list(self._blocks)
        batch.get_raw = lambda index: cut_raw(_join_lines(blocks, starts[index], ends[index]), self._limit)
        return batch

    def _are_clean(self) -> bool:
        """Return whether the lines at hand have neither a NUL nor undecodable bytes."""
        return all(block.is_clean for block in self._blocks)

    def _may_be_too_large(self, starts: list[int], ends: list[int]) -> bool:
        """Return whether a row may exceed the limit; counted roughly, as it is asked for every batch."""
        lines = 1
        if starts and ends[-1] - starts[0] >= len(starts):
            lines += max(map(sub, ends, starts))
        return 4 * lines * self._text.longest > self._limit

    def _is_good(self, batch: RowBatch, start: int, end: int, row: list[str], width: int) -> bool:
        """Return whether a row can be parsed; count a blank one, and note a reject."""
        if not row:
            batch.blank += 1
            return False
        raw = self._get_raw(start, end)
        reject = find_fault(raw, self._limit)
        if reject is None and len(row) != width:
            if not raw.strip():
                batch.blank += 1
                return False
            reason = f"{len(row)} column{'' if len(row) == 1 else 's'}, expected {width}"
            reject = Reject(RejectKind.COLUMNS, None, reason, cut_raw(raw, self._limit))
        if reject is not None:
            batch.rejects.append(Row(start, reject=reject))
        return reject is None

    def _get_raw(self, start: int, end: int) -> str:
        return _join_lines(self._blocks, start, end)


def _find_others(widths: list[int], width: int) -> list[int]:
    """Return the indexes of rows that have another number of columns, or none."""
    return [index for index, each in enumerate(widths) if each != width or not each]


def _join_lines(blocks: Iterable[_Block], start: int, end: int) -> str:
    """Return the text of lines by their numbers, both included."""
    return "".join(
        line for first, lines, _ in blocks for line in lines[max(0, start - first) : max(0, end + 1 - first)]
    )
