"""The base of record classes for job A and `MapJob`, whatever library they are made with."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, get_args, get_type_hints
from uuid import UUID

import msgspec

from pipeline_jobs.documents.row_faults import Fault
from pipeline_jobs.documents.rows import Reject, RejectKind, Row, Schema
from pipeline_jobs.escaping import shorten
from pipeline_jobs.exceptions import InputError
from pipeline_jobs.readers.reader import RowBatch

_MOST_CANDIDATES = 1000  # that a suggestion is looked for in
_SHOWN = 60  # characters of a column's name in an error
_FINITE: frozenset[object] = frozenset({str, int, bool, type(None), date, datetime, time, UUID})
"""Types whose values are no numbers that may be infinite."""
PLAIN_TYPES = _FINITE | {float, Decimal, bytes}
"""Types whose values msgspec encodes in the form of a document."""
_DELIMITERS = ";,\t|"
_SECRET = ("SecretStr", "SecretBytes", "Secret")


class Field(NamedTuple):
    """A field of a record class.

    Args:
        name: in Python, and of its column.
        key: that the class is filled by, such as an alias.
        is_required: whether it has no default.
        aliases: further names that a header may use.
    """

    name: str
    key: str
    is_required: bool
    aliases: frozenset[str] = frozenset()


class ParsedRows(NamedTuple):
    """The rows of a batch that fit a record class, and the rejects.

    Args:
        numbers: line numbers of the rows.
        contents: their values in the order of the schema's columns, or a Struct that is encoded so.
        rejects: the others.
    """

    numbers: list[int]
    contents: Sequence[Any]
    rejects: list[Row[Any]]


class RecordClass(ABC):
    """A record class, and how rows become instances of it.

    Args:
        kind: the class.
        fields: in the order in which rows without names are taken.

    Attributes:
        schema: of documents with its records.
        row_type: type for msgspec, that contents in a document are decoded to for `make_records`.
    """

    row_type: Any

    def __init__(self, kind: type, fields: Sequence[Field], columns: Sequence[str]) -> None:
        self.kind = kind
        self.fields = tuple(fields)
        self.hints = _find_hints(kind)
        for name, hint in self.hints.items():
            if any(part.__name__ in _SECRET for part in flatten_hint(hint) if isinstance(part, type)):
                text = f"{kind.__qualname__}.{name}: secrets are not loaded; give the field another type"
                raise TypeError(text)
        described = self.describe()
        fingerprint = hashlib.sha256(repr((tuple(columns), described)).encode()).hexdigest()[:16]
        self.schema = Schema(kind.__name__, fingerprint, tuple(columns))
        self._finite_checks = [
            (name, attrgetter(name), _choose_finite_check(hint))
            for name, hint in self.hints.items()
            if name in columns and _may_be_non_finite(hint)
        ]

    @abstractmethod
    def describe(self) -> str:
        """Return a text that changes when the fields or their rules change."""

    @abstractmethod
    def parse(self, batch: RowBatch, columns: "Columns") -> ParsedRows:
        """Make records of the rows of a batch."""

    @abstractmethod
    def make_records(self, contents: Sequence[Any]) -> Iterable[Any]:
        """Return instances of the class, from contents decoded to `row_type`."""

    @abstractmethod
    def take_contents(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return the contents of instances of the class, in the order of the schema's columns."""

    def check_keys(
        self, rows: list[Mapping[str, object]], columns: "Columns", faults: dict[int, Fault]
    ) -> list[Mapping[str, object]]:
        """Return mappings without keys that the class lacks; where these are refused, add faults."""
        known = frozenset(field.key for field in self.fields)
        unknown = [index for index, row in enumerate(rows) if not known.issuperset(row)]
        if columns.refuses_unknown:
            faults |= dict.fromkeys(unknown, Fault(RejectKind.COLUMNS, None, "an unknown key"))
            return rows
        rows = rows.copy() if unknown else rows
        for index in unknown:
            rows[index] = {key: value for key, value in rows[index].items() if key in known}
        return rows

    def sort_out(self, batch: RowBatch, records: list[Any], faults: dict[int, Fault]) -> ParsedRows:
        """Return the rows of a batch by their records, one for each; where there is a fault, None."""
        faults |= self.find_non_finite(records)
        if not faults:
            return ParsedRows(batch.numbers, self.take_contents(records), [])
        rejects: list[Row[Any]] = [
            Row(batch.numbers[index], reject=Reject(*faults[index], batch.describe_raw(index)))
            for index in sorted(faults)
        ]
        good = [index for index in range(len(records)) if index not in faults]
        contents = self.take_contents([records[index] for index in good])
        return ParsedRows([batch.numbers[index] for index in good], contents, rejects)

    def find_non_finite(self, records: Sequence[Any]) -> dict[int, Fault]:
        """Return faults for the records with a number that is none, or infinite."""
        found: dict[int, Fault] = {}
        present = [record for record in records if record is not None]
        for name, get, are_finite in self._finite_checks:
            if not are_finite(map(get, present)):
                for index, record in enumerate(records):
                    if record is not None and not are_finite([get(record)]):
                        found.setdefault(index, Fault(RejectKind.RULE, name, "not a finite number"))
        return found


class Columns(NamedTuple):
    """The columns of a file, matched with the fields of a record class.

    Args:
        keys: the key of each column's field, in the order of the file; None for a column that is ignored.
        unknown: whether keys that the class lacks are refused in rows that are mappings.
    """

    keys: tuple[str | None, ...] | None
    refuses_unknown: bool


def match_columns(
    kind: RecordClass, names: Sequence[str] | None, where: str, *, refuses_unknown: bool
) -> Columns:
    """Match the names of columns with the fields of a record class.

    Raises:
        InputError: ``input.columns``: a required column is missing, or one is unknown.
    """
    if names is None:
        return Columns(None, refuses_unknown)
    by_name = {alias: field for field in kind.fields for alias in field.aliases}
    by_name |= {field.key: field for field in kind.fields} | {field.name: field for field in kind.fields}
    found = [by_name.get(name) for name in names]
    present = {field.name for field in found if field}
    missing = [field for field in kind.fields if field.is_required and field.name not in present]
    unknown = [name for name, field in zip(names, found, strict=True) if field is None]
    repeated = next((field.name for field in kind.fields if found.count(field) > 1), None)
    if repeated:
        raise InputError("input.columns", f"{where}: two columns for the field {repeated}")
    if missing:
        text = f"{where}: has no column {_name_column(missing[0])}, which {kind.schema.name} requires"
        hint = _suggest([missing[0].key, missing[0].name, *sorted(missing[0].aliases)], unknown)
        hint = hint or _describe_header(names, is_known=bool(present))
        raise InputError("input.columns", f"{text}; {hint}")
    if unknown and not present and refuses_unknown:
        text = f"{where}: has no column of {kind.schema.name}"
        raise InputError("input.columns", f"{text}; {_describe_header(names, is_known=False)}")
    if unknown and refuses_unknown:
        text = f"{where}: the column {shorten(unknown[0], _SHOWN)} is unknown to {kind.schema.name}"
        absent = [field for field in kind.fields if field.name not in present]
        hint = _suggest([unknown[0]], [name for field in absent for name in (field.name, field.key)])
        hint = hint or "add a field, or leave such columns out with unknown='ignore' of the reader"
        raise InputError("input.columns", f"{text}; {hint}")
    return Columns(tuple(field.key if field else None for field in found), refuses_unknown)


def _name_column(field: Field) -> str:
    """Return the name that a header should have for a field."""
    key = shorten(field.key, _SHOWN)
    return key if field.key == field.name else f"{key} (the field {field.name})"


def _describe_header(names: Sequence[str], *, is_known: bool) -> str:
    """Say what the header has, or what to do if no column is known: it may be a row of data."""
    if is_known:
        return f"it has {_list_names(names)}"
    if len(names) == 1:
        marks = [mark for mark in _DELIMITERS if mark in names[0]]
        perhaps = f", perhaps {marks[0]!r}" if marks else ""
        return f"it has only one column: name the delimiter{perhaps}, with Csv(delimiter=…)"
    return "none of its columns is known: if the file has no header, use Csv(header=False)"


def _suggest(names: Iterable[str], candidates: Collection[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415  # only for this error

    short = (each for each in candidates if len(each) <= _SHOWN)
    folded = {each.casefold(): each for each in islice(short, _MOST_CANDIDATES)}
    close = [match for name in names for match in get_close_matches(name.casefold(), folded, n=1)]
    return f"did you mean {shorten(folded[close[0]], _SHOWN)}?" if close else None


def _list_names(names: Sequence[str]) -> str:
    most = 20
    shown = ", ".join(shorten(name, _SHOWN) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def make_record_class(kind: object) -> RecordClass:
    """Return a record class by its library.

    Raises:
        TypeError: `kind` is no pydantic model, msgspec Struct or dataclass, or cannot be loaded.
    """
    if isinstance(kind, RecordClass):
        return kind
    if isinstance(kind, type):
        if hasattr(kind, "__pydantic_validator__"):
            from .pydantic_models import PydanticClass  # noqa: PLC0415  # imports pydantic, 0.1 s

            return PydanticClass(kind)
        if issubclass(kind, msgspec.Struct):
            from .structs import StructClass  # noqa: PLC0415  # one of the two

            return StructClass(kind)
        if is_dataclass(kind):
            from .structs import DataclassClass  # noqa: PLC0415  # one of the two

            return DataclassClass(kind)
    text = f"record is {kind!r}, expected a class: a pydantic model, a msgspec Struct or a dataclass"
    raise TypeError(text)


def _find_hints(kind: type) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except NameError as error:  # a name that exists for type checkers only
        raise TypeError(f"{kind.__qualname__}: {error}; import it where the class is defined") from error


def flatten_hint(hint: object) -> list[object]:
    """Return all types in an annotation."""
    hint = getattr(hint, "__value__", hint)
    parts = get_args(hint)
    return [hint] if not parts else [part for each in parts for part in flatten_hint(each)]


def _may_be_non_finite(hint: object) -> bool:
    return any(part not in _FINITE for part in flatten_hint(hint) if isinstance(part, type) or part is Any)


def _choose_finite_check(hint: object) -> Callable[[Iterable[Any]], bool]:
    """Return a function that says whether all values of a column are finite."""
    parts = {part for part in flatten_hint(hint) if isinstance(part, type) and part is not type(None)}
    if parts == {Decimal}:
        return lambda values: all(map(Decimal.is_finite, filter(None, values)))
    if parts == {float}:
        return lambda values: all(map(math.isfinite, filter(None, values)))
    return lambda values: all(map(is_finite, values))


def is_finite(value: object) -> bool:
    """Return whether a value holds no number that is none, or infinite, at any depth."""
    match value:
        case float() | Decimal():
            return math.isfinite(value)
        case str() | bytes() | int() | Enum() | None:
            return True
        case Mapping():
            return all(map(is_finite, value.values()))
        case list() | tuple() | set() | frozenset():
            return all(map(is_finite, value))
        case _:
            return all(is_finite(getattr(value, name)) for name in _list_fields(value))


def _list_fields(value: object) -> Iterable[str]:
    """Return the names of the fields of a record inside of a record; of any other value, none."""
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    names: Iterable[str] = getattr(value, "__pydantic_fields__", ()) or getattr(
        value, "__dataclass_fields__", ()
    )
    return names
