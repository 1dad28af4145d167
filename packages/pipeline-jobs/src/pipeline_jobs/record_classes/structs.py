"""Records as msgspec Structs and dataclasses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING
from dataclasses import fields as list_fields
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from pipeline_jobs.documents.row_faults import Fault, Refusal, parse_refusal
from pipeline_jobs.documents.rows import RejectKind
from pipeline_jobs.readers.reader import RowBatch

from .record_class import Columns, Field, ParsedRows, RecordClass, flatten_hint

_REFUSALS = (ValueError, TypeError, msgspec.ValidationError)
"""What a class may raise for a row that it refuses; in msgspec 0.19 the last is no `ValueError`."""

_WITHOUT_CODE: dict[str, Any] = {"__post_init__": lambda _self, *_: None}

_SLICE = 64
"""Rows that are parsed together when one of a batch does not fit; those before it are parsed twice."""


class _MsgspecClass(RecordClass):
    """A class that msgspec makes records of.

    Raises:
        TypeError: msgspec knows no values of such a type, as for a bound on a ``Decimal``.
    """

    def __init__(self, kind: type, fields: Sequence[Field], columns: Sequence[str]) -> None:
        super().__init__(kind, fields, columns)
        try:
            msgspec.convert([], make_list_type(kind))
        except TypeError as error:
            raise TypeError(f"{kind.__qualname__}: {error}") from error

    array_type: Any = None
    """Records made of values in the order of the fields; None if they are made of mappings only."""

    def parse(self, batch: RowBatch, columns: Columns) -> ParsedRows:
        """Make records of the rows of a batch."""
        faults: dict[int, Fault] = {}
        values, kind = batch.values, self.kind
        if values and isinstance(values[0], Mapping):
            values = self.check_keys(values, columns, faults)
        elif (arrays := self._arrange(values, columns)) is not None:
            values, kind = arrays, self.array_type
        else:
            keys = columns.keys or [field.key for field in self.fields]
            pairs = [(n, key) for n, key in enumerate(keys) if key is not None]
            values = [{key: row[n] for n, key in pairs} for row in values]
        try:
            records = self._convert(values, kind, faults, is_typed=batch.is_typed)
        except Exception as error:
            _note_line(error, batch, values, partial(msgspec.convert, type=kind, strict=batch.is_typed))
            raise
        return self.sort_out(batch, records, faults)

    def _arrange(self, values: list[Any], columns: Columns) -> list[Any] | None:
        """Return rows in the order of the fields; None if they have not exactly these."""
        keys = [field.key for field in self.fields]
        given = keys if columns.keys is None else list(columns.keys)
        if self.array_type is None or set(given) != set(keys) or len(given) != len(keys):
            return None
        if columns.keys is None and any(len(row) != len(keys) for row in values):
            return None
        return values if given == keys else list(map(itemgetter(*map(given.index, keys)), values))

    def _convert(
        self,
        values: list[Any],
        kind: Any,  # noqa: ANN401  # a type for msgspec
        faults: dict[int, Fault],
        *,
        is_typed: bool,
    ) -> list[Any]:
        """Return a record for each row; None where there is a fault, or one is found and added."""
        rows_type = list[kind]
        if not faults:
            with suppress(*_REFUSALS):
                return msgspec.convert(values, rows_type, strict=is_typed)
        records: list[Any] = []
        known = sorted(faults, reverse=True)
        while (start := len(records)) < len(values):
            if start in known[-1:]:
                known.pop()
                records.append(None)
                continue
            end = min(start + _SLICE, len(values), *known[-1:])
            try:
                records += msgspec.convert(values[start:end], rows_type, strict=is_typed)
            except _REFUSALS as error:
                refusal = parse_refusal(error)
                if refusal is None:
                    raise
                bad = start + refusal.row
                records += msgspec.convert(values[start:bad], rows_type, strict=is_typed)
                records.append(None)
                faults[bad] = self._explain(refusal, values[bad])
        return records

    def _explain(self, refusal: Refusal, row: Any) -> Fault:  # noqa: ANN401  # a mapping or a sequence
        """Return why msgspec refuses a row."""
        place, column, is_missing = refusal.place, None, refusal.is_missing
        if isinstance(place, int):
            column = self.fields[place].name
            is_missing = is_missing or row[place] is None
        elif place is not None:
            column = next((field.name for field in self.fields if field.key == place), None)
            is_missing = is_missing or (isinstance(row, Mapping) and row.get(place, self) is None)
        if is_missing and refusal.kind is RejectKind.TYPE:
            return Fault(RejectKind.TYPE, column, "no value")
        is_rule = refusal.kind is RejectKind.RULE
        unnamed = f"a rule of {self.schema.name}" if is_rule else "a value of another type"
        reason = refusal.reason or unnamed
        if column and " matching regex " in reason and (described := self._describe_pattern(column)):
            reason = f"expected {described}"
        return Fault(refusal.kind, column, reason)

    def _describe_pattern(self, column: str) -> str | None:
        """Return the description of a field's pattern, which says more than the pattern."""
        metas = [part for part in flatten_hint(self.hints[column]) if isinstance(part, msgspec.Meta)]
        return next((meta.description for meta in metas if meta.pattern and meta.description), None)


def _note_line(error: Exception, batch: RowBatch, values: list[Any], make: Callable[[Any], object]) -> None:
    """Add the line to an exception that comes from a bug in the code of a class, and refuses no row."""
    for number, value in zip(batch.numbers, values, strict=True):
        try:
            make(value)
        except type(error):
            error.add_note(f"in the row of line {number}")
            return
        except Exception:  # noqa: BLE001, S112  # a row that is refused, or another bug of the class
            continue


class StructClass(_MsgspecClass):
    """A msgspec Struct."""

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        config = kind.__struct_config__
        # Arrays are parsed twice as fast as mappings, and are what a document has.
        self.array_type = (
            msgspec.defstruct(kind.__name__, [], bases=(kind,), array_like=True)
            if config.tag is None
            else None
        )
        # Rows of a document are records already: the code of the class has seen them.
        self.row_type = msgspec.defstruct(
            kind.__name__,
            [],
            bases=(kind,),
            module=kind.__module__,
            namespace=_WITHOUT_CODE,
            tag=False,
            array_like=True,
        )
        known = msgspec.structs.fields(self.array_type or kind)
        super().__init__(
            kind,
            [Field(each.name, each.encode_name, each.required) for each in known],
            [each.name for each in known],
        )

    def describe(self) -> str:
        """Return the JSON schema of the class."""
        return describe_schema(self.kind)

    def take_contents(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return what is encoded as arrays."""
        if self.array_type and all(type(record) is self.array_type for record in records):
            return records
        get = attrgetter(*self.schema.columns) if self.schema.columns else tuple
        return [(get(record),) if len(self.fields) == 1 else get(record) for record in records]

    def make_records(self, contents: Sequence[Any]) -> Iterable[Any]:
        """Return the contents themselves, which are instances of a subclass."""
        return contents


class DataclassClass(_MsgspecClass):
    """A dataclass."""

    def __init__(self, kind: type) -> None:
        known = list_fields(kind)
        fields = [
            Field(each.name, each.name, each.default is MISSING and each.default_factory is MISSING)
            for each in known
            if each.init
        ]
        columns = [each.name for each in fields]
        get = attrgetter(*columns) if columns else tuple
        self._take = get if len(columns) != 1 else lambda record: (get(record),)
        # As for Structs: rows of a document are records already.
        self._quiet_type = type(kind.__name__, (kind,), _WITHOUT_CODE | {"__module__": kind.__module__})
        super().__init__(kind, fields, columns)

    row_type = list[Any]

    def describe(self) -> str:
        """Return the JSON schema of the class."""
        return describe_schema(self.kind)

    def take_contents(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return the values of each record."""
        return list(map(self._take, records))

    def make_records(self, contents: Sequence[Any]) -> Iterable[Any]:
        """Return instances of the class."""
        names = self.schema.columns
        rows = [dict(zip(names, row, strict=True)) for row in contents]
        records: list[Any] = msgspec.convert(rows, make_list_type(self._quiet_type))
        return records


def make_list_type(kind: Any) -> Any:  # noqa: ANN401  # types for msgspec, made while the program runs
    """Return the type of a list of records."""
    return list[kind]


def describe_schema(kind: type) -> str:
    """Return the JSON schema of a class; for types that have none, the annotations."""
    try:
        return msgspec.json.encode(msgspec.json.schema(kind), order="deterministic").decode()
    except (TypeError, ValueError):
        return repr(getattr(kind, "__annotations__", None))
