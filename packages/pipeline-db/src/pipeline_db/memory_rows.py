"""Rows that a job of one's own hands to job B in memory: dicts, or instances of a record class."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from pipeline_jobs import InputError
from pipeline_jobs.documents.row_faults import parse_refusal
from pipeline_jobs.documents.rows import Row, RowChunk, Schema, Sums
from pipeline_jobs.escaping import escape
from pipeline_jobs.record_classes.record_class import is_finite, make_record_class

from .batch_record import BatchRecord
from .row_types import list_row_fields

_CHUNK = 5000  # rows
_encoder = msgspec.json.Encoder()

type _TakeContents = Callable[[Sequence[Any]], Sequence[Any]]
"""Returns the values of each record in the order of the schema's columns."""

type _FindNonFinite = Callable[[Sequence[Any]], Iterable[tuple[int, str]]]
"""Returns index and column of numbers that are none, or infinite, which JSON has no form for."""


class MemoryRows:
    """Data in memory as rows, numbered by position from 1.

    Args:
        data: dicts with names of fields as keys, or instances of one record class.
        target: that the rows are for, as the schema of dicts is called.
        models: of its tables.

    Attributes:
        schema: of the rows.
        sums: as many rows as there are.

    Raises:
        InputError: ``input.shape``: the data are no such sequence.
    """

    def __init__(self, data: object, target: str, models: Sequence[type[BatchRecord]]) -> None:
        if not isinstance(data, list | tuple):
            raise InputError("input.shape", f"memory: expected a list of rows, not {type(data).__name__}")
        self._data: Sequence[object] = data
        self.sums = Sums(len(data), len(data))
        self.schema, self._take_contents, self._find_non_finite = _find_schema(data, target, models)

    def make_chunks(self, row_type: Any) -> Iterator[RowChunk]:  # noqa: ANN401  # a type for msgspec
        """Yield the rows, their contents decoded to a type that msgspec knows, as from a document.

        Raises:
            InputError: ``input.row``: a row does not fit.
        """
        decoder = msgspec.json.Decoder(list[Row[row_type]])
        for start in range(0, len(self._data), _CHUNK):
            contents = self._encode(self._data[start : start + _CHUNK], start)
            yield self._decode(decoder, contents, start)

    def _encode(self, records: Sequence[object], start: int) -> list[bytes]:
        """Return each row as JSON."""
        try:
            for index, column in sorted(self._find_non_finite(records)):
                text = f"memory: row {start + index + 1}, {escape(column)}: not a finite number"
                raise InputError("input.row", text)  # noqa: TRY301  # the same for one row and for many
            contents = self._take_contents(records)
            rows = [Row(start + n, content=content) for n, content in enumerate(contents, 1)]
            return [_encoder.encode(row) for row in rows]
        except InputError:
            raise
        except Exception as error:  # values may be of any class, and say anything
            if len(records) > 1:
                return [row for n, record in enumerate(records) for row in self._encode([record], start + n)]
            text = f"memory: row {start + 1}: cannot be stored ({type(error).__name__})"
            raise InputError("input.row", text) from error

    def _decode(self, decoder: "msgspec.json.Decoder[Any]", rows: list[bytes], start: int) -> RowChunk:
        canonical = b",\n".join(rows)
        try:
            return RowChunk(decoder.decode(b"".join((b"[", canonical, b"]"))), [], canonical)
        except msgspec.ValidationError as error:
            refusal = parse_refusal(error)
        if refusal is None or not isinstance(refusal.place, int):
            raise InputError(
                "input.row", "memory: a row does not fit the table"
            )  # what msgspec says has data
        column = escape(self.schema.columns[refusal.place])
        reason = refusal.reason or "a value of another type"
        raise InputError("input.row", f"memory: row {start + refusal.row + 1}, {column}: {reason}")


def _find_schema(
    data: Sequence[object], target: str, models: Sequence[type[BatchRecord]]
) -> tuple[Schema, _TakeContents, _FindNonFinite]:
    if not data:
        names = dict.fromkeys(field.name for model in models for field in list_row_fields(model))
        return _make_schema(target, list(names)), list, list
    if isinstance(data[0], Mapping):
        return _find_mapping_schema(data, target)
    try:
        kind = make_record_class(type(data[0]))
    except TypeError:
        text = f"memory: row 1 is a {type(data[0]).__name__}"
        hint = "expected a dict, a pydantic model, a msgspec Struct or a dataclass"
        raise InputError("input.shape", f"{text}; {hint}") from None
    other = next((n for n, row in enumerate(data, 1) if type(row) is not kind.kind), None)
    if other:
        text = f"memory: row {other} is no {kind.schema.name}, as row 1 is"
        raise InputError("input.shape", text)

    def find_non_finite(records: Sequence[Any]) -> Iterable[tuple[int, str]]:
        return [(index, fault.column or "") for index, fault in kind.find_non_finite(records).items()]

    return kind.schema, kind.take_contents, find_non_finite


def _find_mapping_schema(data: Sequence[object], target: str) -> tuple[Schema, _TakeContents, _FindNonFinite]:
    """Return the columns that any of the dicts has; where one lacks a key, its value is null."""
    names: dict[str, None] = {}
    for number, row in enumerate(data, 1):
        if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
            raise InputError(
                "input.shape", f"memory: row {number} is no dict with texts as keys, as row 1 is"
            )
        names |= dict.fromkeys(row)
    columns = list(names)

    def take_contents(rows: Sequence[Mapping[str, object]]) -> list[list[object]]:
        return [[row.get(name) for name in columns] for row in rows]

    def find_non_finite(rows: Sequence[Mapping[str, object]]) -> Iterable[tuple[int, str]]:
        return (
            (index, name)
            for index, row in enumerate(rows)
            for name, value in row.items()
            if isinstance(value, float | Decimal | list | tuple | dict) and not is_finite(value)
        )

    return _make_schema(target, columns), take_contents, find_non_finite


def _make_schema(name: str, columns: Sequence[str]) -> Schema:
    fingerprint = hashlib.sha256(repr(tuple(columns)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Schema(name, fingerprint, tuple(columns))
