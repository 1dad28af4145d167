"""Types of the values of a model's fields, for msgspec, which checks nulls, lengths and ranges in C."""

from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from peewee import (
    BigIntegerField,
    BinaryUUIDField,
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DoubleField,
    Field,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    IPField,
    SmallIntegerField,
    TextField,
    TimeField,
    TimestampField,
    UUIDField,
)

from .batch_record import BatchRecord
from .models import get_meta

_TYPES: dict[type[Field], Any] = {
    SmallIntegerField: Annotated[int, Meta(ge=-(2**15), le=2**15 - 1)],
    IntegerField: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    BigIntegerField: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)],
    BooleanField: bool,
    FloatField: float,
    DoubleField: float,
    DecimalField: Decimal,
    TextField: str,
    CharField: str,
    FixedCharField: str,
    DateTimeField: datetime,
    DateField: date,
    TimeField: time,
    TimestampField: datetime,
    UUIDField: UUID,
    BinaryUUIDField: UUID,
    BlobField: bytes,
    IPField: str,
}
"""Classes of fields, and what their values are. Any other field takes any value."""


def find_known_class(field: Field) -> type[Field] | None:
    """Return the class of Peewee's that a field is of, or derives from; None for one that is not known."""
    return next((each for each in type(field).__mro__ if each in _TYPES), None)


def has_own_values(field: Field) -> bool:
    """Return whether a field makes the values to store by code of its own."""
    known = find_known_class(field)
    if known in (None, IPField, TimestampField):
        return True
    return any(getattr(type(field), name) is not getattr(known, name) for name in ("db_value", "adapt"))


def resolve_field(field: Field) -> Field:
    """Return the field that says what the values are: for a foreign key, the one that it refers to."""
    while isinstance(field, ForeignKeyField):
        field = field.rel_field
    return field


def get_value_type(field: Field) -> Any:  # noqa: ANN401  # a type for msgspec
    """Return the type of a field's values, with their bounds, and with None if the field allows it.

    Decimals are texts, whose digits a pattern counts.
    """
    own = resolve_field(field)
    kind = _TYPES.get(find_known_class(own) or Field, Any)
    if isinstance(own, CharField) and own.max_length:
        kind = Annotated[kind, Meta(max_length=own.max_length)]
    elif isinstance(own, DecimalField) and not has_own_values(own):
        digits = f"a number of at most {own.max_digits} digits, {own.decimal_places} of them decimal places"
        text = Annotated[str, Meta(pattern=_make_decimal_pattern(own), description=digits)]
        kind = text | int | float
    return kind | None if field.null and kind is not Any else kind


def get_stored_type(field: Field) -> Any:  # noqa: ANN401  # a type for msgspec
    """Return the type that a column of a document is decoded to.

    Decimals are the texts that they are there, of any digits: to look at a whole column when it is encoded
    takes a tenth of the time.
    """
    own = resolve_field(field)
    if isinstance(own, DecimalField) and not has_own_values(own):
        return str | int | float | None if field.null else str | int | float
    return get_value_type(field)


def _make_decimal_pattern(field: DecimalField) -> str:
    """Return the pattern of the decimals that fit into a field; zeros at both ends do not count."""
    whole = field.max_digits - field.decimal_places
    first = f"0*[0-9]{{1,{whole}}}" if whole > 0 else "0+"
    places = "[0-9]*" if field.auto_round else f"[0-9]{{0,{field.decimal_places}}}0*"
    return rf"^-?{first}(\.{places})?\Z"


@cache
def derive_record(model: type[BatchRecord]) -> type[msgspec.Struct]:
    """Return a record class for the rows of a model: its fields, their types and their bounds.

    A field with a default, or that may be null, may be left out. Another process derives it again: a Struct
    that no module has by its name loses its fields when it is pickled by value.

    Raises:
        TypeError: `model` is no subclass of `BatchRecord`.
    """
    if not issubclass(model, BatchRecord):
        raise TypeError(f"expected a subclass of BatchRecord, not {model!r}")
    fields: list[tuple[str, Any, Any]] = []
    for field in list_row_fields(model):
        kind = get_value_type(field)
        if field.default is not None:
            default = field.default
            factory = default if callable(default) else (lambda value=default: value)
            fields.append((field.name, kind, msgspec.field(default_factory=factory)))
        elif field.null:
            fields.append((field.name, kind, None))
        else:
            fields.append((field.name, kind, msgspec.NODEFAULT))
    return msgspec.defstruct(
        model.__name__,
        [(name, kind, default) for name, kind, default in fields],
        module=model.__module__,
        kw_only=True,
        frozen=True,
        gc=False,
    )


def list_row_fields(model: type[BatchRecord]) -> list[Field]:
    """Return the fields of a model besides those that `BatchRecord` brings along."""
    return [field for field in get_meta(model).sorted_fields if field.name not in ("batch", "line_number")]
