"""The protocol of readers: a class with one method that yields the rows of a file."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

import msgspec

from pipeline_jobs.documents.rows import Reject, Row
from pipeline_jobs.documents.size_limits import LARGEST_MAX_RECORD_BYTES
from pipeline_jobs.exceptions import InputError
from pipeline_jobs.files import BinaryInput, TextInput
from pipeline_jobs.storage.content import Content

from .raw_texts import cut_raw

type RawRow = Mapping[str, object] | Sequence[object] | Reject | None
"""A row as a reader yields it: values by column name, or, if the reader has `columns`, in their order; None
for a blank row."""

_BATCH = 1000  # rows of a reader of one's own that are parsed together


class RowInput:
    """A file as readers get it: use one of `text`, `binary` and `content`.

    Args:
        content: the opened file, decompressed if its name says so.
        encoding: of text, as `parse_encoding` returns it.
        max_record_bytes: limit on a row.
        fields: names of the fields of the record class; None without one.
    """

    def __init__(
        self,
        content: Content,
        encoding: str,
        max_record_bytes: int,
        fields: tuple[str, ...] | None = None,
    ) -> None:
        self.content = content
        self.encoding = encoding
        self.max_record_bytes = max_record_bytes
        self.fields = fields

    @property
    def where(self) -> str:
        """The file as errors name it."""
        return self.content.file.where

    @cached_property
    def text(self) -> TextInput:
        """The file as a text stream, decoded strictly, its line ends as they are."""
        return TextInput(self.content, self.encoding, newline="")

    @cached_property
    def binary(self) -> BinaryInput:
        """The file as a binary stream."""
        return BinaryInput(self.content)


class Reader(Protocol):
    """Turns a file into rows.

    Example:
        >>> class FixedWidth:
        ...     def read(self, file):
        ...         for number, line in enumerate(file.text, 1):
        ...             yield number, {"id": line[:6], "name": line[6:30].strip()}

    A reader whose rows are sequences has an attribute `columns` with their names.
    """

    def read(self, file: RowInput, /) -> Iterator[tuple[int, RawRow]]:
        """Yield the number of each row's first line, counted from 1 and ascending, and the row.

        A blank row is None. A row that is no row is a `Reject`; the reader goes on after it.

        Raises:
            InputError: the file as a whole is refused.
        """


@dataclass(slots=True)
class RowBatch:
    """Successive rows of a file, as they were read.

    Args:
        numbers: the line number of each row in `values`.
        values: all mappings, or all sequences in the order of `columns`.
        columns: names for sequences.
        blank: how many rows were blank besides.
        rejects: rows that are none, besides.
        get_raw: returns the raw text of a row by its index in `values`.
        is_typed: whether a text is a text, as in JSON, and never stands for a number.
    """

    numbers: list[int]
    values: list[Any]
    columns: tuple[str, ...] | None = None
    blank: int = 0
    rejects: list[Row[Any]] = field(default_factory=list)
    get_raw: Callable[[int], str] | None = None
    is_typed: bool = False

    def describe_raw(self, index: int) -> str:
        """Return the raw text of a row; of a reader that keeps none, its values as JSON."""
        if self.get_raw:
            return self.get_raw(index)
        try:
            return msgspec.json.encode(self.values[index], enc_hook=str).decode()
        except UnicodeEncodeError:  # a lone surrogate, which the other module escapes
            return json.dumps(self.values[index], default=str)


class BatchReader(Protocol):
    """A reader that makes batches by itself: the fast path of the built-in ones."""

    def read_batches(self, file: RowInput, /) -> Iterator[RowBatch]:
        """Yield the rows of a file in batches."""


def is_reader(value: object) -> bool:
    """Return whether a value has the method of a reader."""
    return not isinstance(value, type) and (hasattr(value, "read") or hasattr(value, "read_batches"))


def read_batches(reader: Reader | BatchReader, file: RowInput) -> Iterator[RowBatch]:
    """Return the rows of a file in batches.

    Raises:
        InputError: the file is refused; ``input.reader``: the reader breaks its rules.
    """
    if hasattr(reader, "read_batches"):
        return reader.read_batches(file)
    return _make_batches(reader.read(file), file.where, getattr(reader, "columns", None))


def _make_batches(
    rows: Iterator[tuple[int, RawRow]], where: str, columns: Sequence[str] | None
) -> Iterator[RowBatch]:
    names = None if columns is None else tuple(columns)
    last = 0
    rows = iter(rows)
    while items := list(islice(rows, _BATCH)):
        batch = RowBatch([], [], names)
        for number, row in items:
            if type(number) is not int or number <= last:
                text = f"{where}: the reader yields line number {number!r} after {last}; they must ascend"
                raise InputError("input.reader", text)
            last = number
            if row is None:
                batch.blank += 1
            elif isinstance(row, Reject):
                batch.rejects.append(Row(number, reject=_check_reject(row, f"{where}, line {number}")))
            elif _fits(row, names):
                batch.numbers.append(number)
                batch.values.append(row)
            else:
                expected = "a mapping" if names is None else "a sequence of its columns"
                text = f"{where}, line {number}: the reader yields a {type(row).__name__}"
                raise InputError("input.reader", f"{text}; expected {expected}, a Reject or None")
        yield batch


def _check_reject(reject: Reject, where: str) -> Reject:
    """Return a reject of a reader of one's own as one of job A.

    Raises:
        InputError: ``input.reader``: it is none.
    """
    try:
        raw = cut_raw(reject.raw, LARGEST_MAX_RECORD_BYTES)
        return msgspec.convert({**msgspec.structs.asdict(reject), "raw": raw, "job": ""}, Reject)
    except (AttributeError, msgspec.ValidationError):
        text = f"{where}: the reader yields a Reject whose kind, column, reason or raw has another type"
        raise InputError("input.reader", text) from None


def _fits(row: object, columns: tuple[str, ...] | None) -> bool:
    """Return whether a row is of the kind that its reader announces."""
    if columns is None:
        return isinstance(row, Mapping)
    return isinstance(row, Sequence) and not isinstance(row, str | bytes)
