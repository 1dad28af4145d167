"""Rows in memory go into the table of a model, numbered by position."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
import pydantic
import pytest
from peewee import CharField, DateTimeField, DecimalField, FloatField, IntegerField, TextField

from pipeline_db import BatchRecord
from pipeline_jobs import JobB, JobC


class ItemRow(BatchRecord):
    """The table."""

    id = IntegerField()
    name = CharField(max_length=5)
    price = DecimalField(max_digits=6, decimal_places=2, null=True)
    weight = FloatField(null=True)
    added = DateTimeField(null=True)
    note = TextField(null=True)

    class Meta:
        table_name = "items"


class Struct(msgspec.Struct):
    """A record class."""

    id: int
    name: str
    price: Decimal | None = None


@dataclass
class Plain:
    """A record class."""

    id: int
    name: str
    price: Decimal | None = None


class Model(pydantic.BaseModel):
    """A record class."""

    id: int
    name: str
    price: Decimal | None = None


@pytest.mark.parametrize(
    "data",
    [
        [kind(id=1, name="a"), kind(id=2, name="b", price=Decimal("1.5"))]
        for kind in (dict, Struct, Plain, Model)
    ],
    ids=["dict", "Struct", "dataclass", "pydantic"],
)
@pytest.mark.parametrize("container", [list, tuple, lambda data: {"records": data}])
def test_dicts_and_records_are_loaded(store, ask, data, container):
    job = JobB(store.into(ItemRow))

    batch_id = job.execute(container(data)).unwrap()

    assert 2 == job.counts["records"]
    JobC(store).execute(batch_id).unwrap()
    rows = ask(store, "SELECT line_number, id, name, price FROM finalized_items ORDER BY line_number")
    assert [(1, 1, "a", None), (2, 2, "b", Decimal("1.5"))] == rows
    assert batch_id == job.execute(container(data)).unwrap()
    assert {"records": 2, "duplicate": 2}.items() <= job.counts.items()


def test_many_rows_are_loaded_in_chunks(store, ask):
    data = [{"id": n, "name": "x"} for n in range(12_000)]

    JobB(store.into(ItemRow)).execute(data).unwrap()

    assert [(12_000, 1, 12_000)] == ask(
        store, "SELECT count(*), min(line_number), max(line_number) FROM items"
    )


def test_no_rows_are_a_batch(store):
    batch_id = JobB(store.into(ItemRow)).execute([]).unwrap()

    assert 0 == store.finalize(batch_id).record_count


GOOD = {"id": 1, "name": "x"}


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ([GOOD, GOOD | {"name": "secret"}], "input.row", "row 2, name: Expected str of length <= 5"),
        ([GOOD, GOOD | {"id": "7"}], "input.row", "row 2, id: Expected int, got str"),
        ([GOOD, GOOD | {"id": None}], "input.row", "row 2, id: Expected int, got null"),
        ([GOOD, {"id": 1}], "input.row", "row 2, name: Expected str, got null"),
        ([GOOD, GOOD | {"weight": float("nan")}], "input.row", "row 2, weight: not a finite number"),
        ([GOOD, GOOD | {"price": Decimal("Infinity")}], "input.row", "row 2, price: not a finite number"),
        ([GOOD, GOOD | {"name": "\ud800"}], "input.row", "row 2: cannot be stored (UnicodeEncodeError)"),
        ([GOOD, GOOD | {"note": object()}], "input.row", "row 2: cannot be stored (TypeError)"),
        ([GOOD, GOOD | {"note": "a\0"}], "input.row", "line 2, note: NUL characters are not allowed"),
        ([GOOD | {"colour": 1}], "input.columns", "ItemRow has no field for the column colour"),
        ([{"id": 1}], "input.columns", "ItemRow has no column 'name', which ItemRow requires"),
        ([GOOD, 7], "input.shape", "row 2 is no dict with texts as keys, as row 1 is"),
        ([{1: 2}], "input.shape", "row 1 is no dict with texts as keys"),
        (["x"], "input.shape", "row 1 is a str; expected a dict"),
        ([Struct(1, "x"), Plain(1, "x")], "input.shape", "row 2 is no Struct, as row 1 is"),
    ],
)
def test_what_does_not_fit_is_refused(store, data, code, message):
    result = JobB(store.into(ItemRow)).execute(data)

    assert code == result.code
    assert message in result.error
    assert "secret" not in result.error
    assert [] == store.batches()


def test_times_of_python_are_loaded(store, ask):
    data = [GOOD | {"added": datetime(2026, 1, 2, 3, 4, 5, 600_001)}]  # noqa: DTZ001  # stored without a zone

    JobB(store.into(ItemRow)).execute(data).unwrap()

    assert [("2026-01-02 03:04:05.600001",)] == ask(store, "SELECT CAST(added AS text) FROM items")
