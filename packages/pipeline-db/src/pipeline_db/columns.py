"""Columns of rows on their way into a table: values checked, and written as both databases store them."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec
from peewee import (
    BinaryUUIDField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    FixedCharField,
    TextField,
    TimeField,
    UUIDField,
)

from pipeline_jobs.documents.records import MAX_INTEGER
from pipeline_jobs.documents.rows import RejectKind

from .row_types import find_known_class, has_own_values, resolve_field

type Values = Sequence[Any]
"""The values of a column, one for each row."""

type Converter = Callable[[Values], Values]
"""Returns the values to store.

Raises:
    ValueRefusedError: one of them does not fit.
"""

_encoder = msgspec.json.Encoder()


class ValueRefusedError(Exception):
    """A value does not fit into its column; the reason does not quote it.

    Args:
        index: of its row.
        kind: of the reason.
        reason: for a person.
    """

    def __init__(self, index: int, kind: RejectKind, reason: str) -> None:
        super().__init__(index, kind, reason)
        self.index = index
        self.kind = kind
        self.reason = reason


def make_converter(field: Field) -> Converter | None:
    """Return what converts the values of a field, of `get_stored_type`; None if they stay as they are."""
    own = resolve_field(field)
    if has_own_values(own):
        return make_default_converter(own)
    known = find_known_class(own)
    if isinstance(own, DecimalField):
        return _make_decimal_converter(own)
    return _CONVERTERS.get(known) if known else None


def make_default_converter(field: Field) -> Converter:
    """Return what converts Python values of a field, such as its default, by the field's own code."""
    own = resolve_field(field)

    def convert_value(value: object) -> object:
        return _normalize(own.db_value(value), own)

    return lambda values: _convert_each(convert_value, values)


def _convert_each(convert: Callable[[Any], object], values: Values) -> Values:
    """Convert values one by one, where that takes code that may refuse them."""
    converted: list[object] = []
    for index, value in enumerate(values):
        try:
            converted.append(convert(value))
        except ValueRefusedError as error:
            raise ValueRefusedError(index, error.kind, error.reason) from None
        except Exception as error:  # the code of a field of one's own
            reason = f"its field raised {type(error).__name__}"
            raise ValueRefusedError(index, RejectKind.TYPE, reason) from error
    return converted


def _normalize(value: object, field: Field) -> object:
    """Return a value as both databases store it."""
    if value is None:
        return None
    if isinstance(field, DecimalField):
        return _fit_decimal(Decimal(str(value)), field)
    for kinds, normalize in _NORMALIZERS:
        if isinstance(value, kinds):
            return normalize(value)
    raise ValueRefusedError(0, RejectKind.TYPE, f"its field made a {type(value).__name__} of it")


def _check_finite(value: float | Decimal) -> float | str:
    if not isfinite(value):
        raise ValueRefusedError(0, RejectKind.RULE, "not a finite number")
    return format(value, "f") if isinstance(value, Decimal) else value


def _check_integer(value: int) -> int:
    if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise ValueRefusedError(0, RejectKind.RULE, "an integer of more than 64 bits")
    return value


def _check_text(values: Values) -> Values:
    """Refuse NUL, which PostgreSQL cannot store."""
    if "\0" in "".join(filter(None, values)):
        index = next(index for index, value in enumerate(values) if value and "\0" in value)
        raise ValueRefusedError(index, RejectKind.NUL, "NUL characters are not allowed")
    return values


def _write_as_json(values: Values) -> list[Any]:
    """Write dates and times as JSON has them, which takes a quarter of the time of `str`."""
    return _split_json(_encoder.encode(values).decode())


def _split_json(text: str) -> list[Any]:
    if "null" in text:
        return [None if each == "null" else each[1:-1] for each in text[1:-1].split(",")]
    return text[2:-2].split('","')


def _convert_datetimes(values: Values) -> Values:
    """Write times without a zone, in UTC, as SQLite's functions read them."""
    text = _encoder.encode(values).decode()
    if "Z" in text or "+" in text or text.count("-") != 2 * (len(values) - text.count("null")):
        values = _convert_each(lambda value: value and _make_naive(value), values)
        text = _encoder.encode(values).decode()
    return _split_json(text.replace("T", " "))


def _make_naive(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueRefusedError(0, RejectKind.RULE, "a time out of range in UTC") from None


def _convert_times(values: Values) -> Values:
    for index, value in enumerate(values):
        if value is not None and value.tzinfo is not None:
            raise ValueRefusedError(index, RejectKind.TYPE, "a time of day with a time zone")
    return _write_as_json(values)


def _make_decimal_converter(field: DecimalField) -> Converter:
    """Return what leaves texts of decimals as they are, if they have the form and the digits of most."""
    whole = field.max_digits - field.decimal_places
    first = f"[0-9]{{1,{whole}}}+" if whole > 0 else "0"
    # Possessive, so that it takes no time to fail, and 0.07 µs a value.
    usual = re.compile(rf"(?:-?+{first}(?:\.[0-9]{{1,{max(1, field.decimal_places)}}}+)?+\n)*+")

    def convert_value(value: object) -> object:
        if value is None:
            return None
        text = str(value).upper()
        if not _DECIMAL.fullmatch(text):
            raise ValueRefusedError(0, RejectKind.TYPE, "not a decimal number")
        return _fit_decimal(Decimal(text), field)

    def convert(values: Values) -> Values:
        try:
            text = "\n".join([value for value in values if value is not None]) + "\n"
        except TypeError:  # numbers among them
            return _convert_each(convert_value, values)
        is_usual = not field.auto_round and field.decimal_places and usual.fullmatch(text)
        if is_usual and text.count("\n") == len(values) - values.count(None):
            return values
        return _convert_each(convert_value, values)

    return convert


def _fit_decimal(value: Decimal, field: DecimalField) -> str:
    """Return a decimal as a text without an exponent."""
    if not value.is_finite():
        raise ValueRefusedError(0, RejectKind.RULE, "not a finite number")
    try:
        fitting = Decimal(field.db_value(value)) if field.auto_round else value.normalize(_EXACT)
    except InvalidOperation:
        fitting = value  # has too many digits to be rounded
    exponent = fitting.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101  # it is finite
    whole = field.max_digits - field.decimal_places
    if fitting and (exponent < -field.decimal_places or fitting.adjusted() >= whole):
        digits = f"{field.max_digits} digits, {field.decimal_places} of them decimal places"
        raise ValueRefusedError(0, RejectKind.RULE, f"more than {digits}")
    return format(fitting, "f") if fitting else "0"


_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]*)?(E[+-]?[0-9]{1,9})?")
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

_NORMALIZERS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (str, lambda value: _check_text((value,))[0]),
    (bool | bytes, lambda value: value),
    (int, _check_integer),
    (float | Decimal, _check_finite),
    (datetime, lambda value: str(_make_naive(value))),
    (date | time, str),
    (UUID, lambda value: value.hex),
    (memoryview | bytearray, bytes),
    (dict | list, lambda value: _encoder.encode(value).decode()),
)
"""How a value of a type is stored; the first that fits holds."""

_CONVERTERS: dict[type[Field], Converter] = {
    TextField: _check_text,
    CharField: _check_text,
    FixedCharField: _check_text,
    DateTimeField: _convert_datetimes,
    DateField: _write_as_json,
    TimeField: _convert_times,
    UUIDField: lambda values: [value and value.hex for value in values],
    BinaryUUIDField: lambda values: [value and value.bytes for value in values],
}
