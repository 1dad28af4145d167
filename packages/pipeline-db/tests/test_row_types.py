"""Record classes derived from models."""

import uuid
from datetime import date, datetime
from typing import get_type_hints

import msgspec
import pytest
from peewee import (
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
    UUIDField,
)

from pipeline_db import BatchRecord, derive_record
from pipeline_jobs import Csv, JobA, JobB, JobC


class Customer(Model):
    """A table of a team."""

    code = CharField(max_length=4, primary_key=True)


class Point(Field):
    """A field that takes any value."""


class OrderRow(BatchRecord):
    """A model."""

    id = IntegerField()
    size = SmallIntegerField(default=3)
    customer = ForeignKeyField(Customer)
    amount = DecimalField(max_digits=6, decimal_places=2)
    placed_at = DateTimeField(null=True)
    due = DateField(default=lambda: date(2026, 1, 1))
    paid = BooleanField(default=False)
    key = UUIDField(null=True)
    blob = BlobField(null=True)
    anything = Point(null=True)
    note = TextField(null=True)


GOOD = {"id": 1, "customer": "abcd", "amount": "1.5"}


def convert(values):
    return msgspec.convert(values, derive_record(OrderRow), strict=False)


def test_a_record_has_the_fields_of_the_model():
    record = derive_record(OrderRow)

    assert "OrderRow" == record.__name__
    assert [
        name for name in OrderRow._meta.sorted_field_names if name not in ("batch", "line_number")
    ] == list(record.__struct_fields__)
    assert set(record.__struct_fields__) == set(get_type_hints(record))


def test_what_has_a_default_or_may_be_null_may_be_left_out():
    record = convert(GOOD)

    assert (1, 3, "abcd", "1.5", None, date(2026, 1, 1), False, None, None, None, None) == tuple(
        getattr(record, name) for name in record.__struct_fields__
    )


def test_texts_become_values_of_their_types():
    record = convert(
        GOOD
        | {"placed_at": "2026-01-02T03:04:05", "paid": "true", "key": str(uuid.UUID(int=7)), "blob": "AAE="}
    )

    expected = (datetime(2026, 1, 2, 3, 4, 5), True, uuid.UUID(int=7), b"\x00\x01")  # noqa: DTZ001
    assert expected == (record.placed_at, record.paid, record.key, record.blob)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": 2**31},
        {"size": -(2**15) - 1},
        {"customer": "abcde"},
        {"amount": "x"},
        {"amount": "12345"},
        {"amount": "0.123"},
        {"placed_at": "yesterday"},
        {"paid": None},
    ],
    ids=str,
)
def test_what_does_not_fit_the_model_is_refused(change):
    with pytest.raises(msgspec.ValidationError):
        convert(GOOD | change)


def test_a_file_is_loaded_with_the_record_class_of_the_model(sqlite_store, tmp_path, ask):
    class Item(BatchRecord):
        id = IntegerField()
        price = DecimalField(max_digits=6, decimal_places=2)
        note = TextField(null=True)

    file = tmp_path / "items.csv"
    file.write_text('id,price,note\n1,2.50,"a\nb"\n2,x,\n3,0.125,\n4,4,\n', encoding="utf-8")
    document = JobA(tmp_path / "out", reader=Csv(), record=derive_record(Item), max_rejects=2).execute(file)

    batch_id = JobB(sqlite_store.into(Item)).execute(document.unwrap()).unwrap()
    JobC(sqlite_store).execute(batch_id).unwrap()

    assert [(2, 1, 2.5, "a\nb"), (6, 4, 4, None)] == ask(
        sqlite_store, "SELECT line_number, id, price, note FROM finalized_item"
    )
    assert [(4, "rule", "price"), (5, "rule", "price")] == [
        (reject.line_number, reject.kind, reject.column) for reject in sqlite_store.rejects(batch_id)
    ]


def test_a_record_class_is_made_once_for_each_model():
    assert derive_record(OrderRow) is derive_record(OrderRow)


def test_what_is_no_model_has_no_record_class():
    with pytest.raises(TypeError, match="expected a subclass of BatchRecord"):
        derive_record(Customer)


def test_the_reason_for_a_decimal_of_too_many_digits_says_how_many_fit(tmp_path):
    class Price(BatchRecord):
        price = DecimalField(max_digits=4, decimal_places=2)

    file = tmp_path / "prices.csv"
    file.write_text("price\n12.50\n123.4\n")

    result = JobA(tmp_path / "out", reader=Csv(), record=derive_record(Price)).execute(file)

    assert "line 3, price: expected a number of at most 4 digits, 2 of them decimal places" in result.error
