"""Definitions for typed rows: what they load, which settings they pass on, and what they refuse."""

import gzip
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from peewee import CharField, DateTimeField, DecimalField, IntegerField
from pydantic import BaseModel, Field

from pipeline_db import BatchRecord, Target
from pipeline_jobs import Csv, InputError, JobA, JobB, JobC, JsonLines
from pipeline_orchestration import PipelineDefinition, PipelineRunner, table_pipeline


class OrderRow(BatchRecord):
    id = IntegerField()
    customer = CharField(max_length=100)
    amount = DecimalField(max_digits=12, decimal_places=2)
    placed_at = DateTimeField(null=True)

    class Meta:
        table_name = "orders"


class OrderModel(BaseModel):
    id: int = Field(gt=0)
    customer: str
    amount: Decimal
    placed_at: datetime | None = None


class OrderStruct(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(gt=0)]
    customer: str
    amount: Decimal
    placed_at: datetime | None = None


@dataclass
class OrderData:
    id: int
    customer: str
    amount: Decimal
    placed_at: datetime | None = None


ROWS = """\
id;customer;amount;placed_at
1;Ada;12.50;2026-01-02T03:04:05
-2;"Grace; ""Amazing""
Hopper";1;

4;Bär;x;
5;Zoë;7;
"""
ALL = "SELECT line_number, id, customer, amount, placed_at FROM orders ORDER BY batch_id, line_number"


@pytest.fixture
def orders(folder):
    (folder / "orders.csv").write_text(ROWS, encoding="utf-8")
    return "orders.csv"


def make_pipeline(**options):
    return table_pipeline("orders", **{"reader": Csv(delimiter=";"), "model": OrderRow} | options)


@pytest.mark.parametrize("record", [OrderModel, OrderStruct])
def test_rows_of_a_file_are_loaded_into_the_table_of_a_model(runner, orders, ask, record):
    result = runner(pipeline=make_pipeline(record=record), max_rejects="2").run(orders)

    assert (True, 1, (5, 2, 2, 1, 0)) == (result.success, result.batch_id, result.sums)
    assert [(2, 1, "Ada"), (7, 5, "Zoë")] == [row[:3] for row in ask("p.db", ALL)]
    assert [("2026-01-02 03:04:05",), (None,)] == [row[4:] for row in ask("p.db", ALL)]
    rejects = ask("p.db", "SELECT line_number, job, column_name, kind FROM rejected_records")
    assert [(3, "A", "id", "rule"), (6, "A", "amount", "type")] == rejects


@pytest.mark.parametrize("record", [OrderData, None])
def test_record_may_be_a_dataclass_or_derived_from_the_model(runner, orders, ask, record):
    """Neither has a rule on ids."""
    result = runner(pipeline=make_pipeline(record=record), max_rejects="1").run(orders)

    assert (True, (5, 3, 1, 1, 0)) == (result.success, result.sums)
    assert [1, -2, 5] == [row[1] for row in ask("p.db", ALL)]


def test_jobs_added_by_hand_do_the_same(runner, orders, ask, folder):
    reader = Csv(delimiter=";")
    by_hand = (
        PipelineDefinition("orders")
        .add_job(
            "A",
            lambda run: JobA(run.output_dir, reader=reader, record=OrderModel, max_rejects=run.max_rejects),
        )
        .add_job("B", lambda run: JobB(run.store.into(OrderRow)), retries=3)
        .add_job("C", lambda run: JobC(run.store))
    )
    settings = {"max_rejects": "50%"}

    first = runner(pipeline=make_pipeline(record=OrderModel), **settings).run(orders)
    second = runner(pipeline=by_hand, output_dir="other", db_path="other.db", **settings).run(orders)

    assert first.success
    assert [job.counts for job in first.jobs] == [job.counts for job in second.jobs]
    assert ask("p.db", ALL) == ask("other.db", ALL)
    documents = [(folder / name / "orders_processed.json").read_bytes() for name in ("out", "other")]
    assert documents[0] == documents[1]


def test_a_file_is_csv_with_commas_unless_a_reader_is_given(runner, folder, ask):
    (folder / "x.csv").write_text("id,customer,amount\n1,Ada,2\n")
    (folder / "x.jsonl").write_text('{"id": 2, "customer": "Ada", "amount": "2"}\n')

    first = runner(pipeline=make_pipeline(reader=None)).run("x.csv")
    second = runner(pipeline=make_pipeline(reader=JsonLines())).run("x.jsonl")

    assert (None, None) == (first.error, second.error)
    assert [1, 2] == [row[1] for row in ask("p.db", ALL)]


@pytest.mark.parametrize(
    ("own", "setting", "code"),
    [
        (0, None, "input.rejects"),
        ("1", None, "input.rejects"),
        ("2", None, None),
        ("50%", None, None),
        ("2", "0", "input.rejects"),
        ("2", "1%", "input.rejects"),
        (0, "2", None),
    ],
)
def test_the_setting_wins_over_the_rejects_that_the_definition_allows(orders, own, setting, code):
    pipeline = make_pipeline(record=OrderModel, max_rejects=own)
    runner = PipelineRunner(pipeline=pipeline, max_rejects=setting, engine="local", log_level="OFF")

    assert code == runner.run(orders).code


def test_every_setting_is_passed_on(folder, ask):
    (folder / "x.csv.gz").write_bytes(gzip.compress("id;customer;amount\n1;Bär;2\n".encode("latin-1")))
    base = {"pipeline": make_pipeline(), "engine": "local", "log_level": "OFF", "encoding": "latin-1"}

    def run(**settings):
        return PipelineRunner(**base, **settings).run("x.csv.gz")

    assert "input.unpacked_size" == run(max_unpacked_bytes=10, max_unpacked_ratio=1).code
    assert "input.rejects" == run(max_record_bytes=20).code
    assert run(output_dir="there", db_path="p.db").success
    assert (folder / "there/x_processed.json").exists() or (folder / "there/x.csv_processed.json").exists()
    assert [(2, 1, "Bär", 2, None)] == ask("p.db", ALL)
    assert run(db_path="p.db").duplicate
    assert "batch.duplicate" == run(db_path="p.db", on_duplicate="error").code
    assert 2 == run(db_path="p.db", on_duplicate="load").batch_id


def test_without_a_header_that_fits_no_row_is_read(runner, folder):
    (folder / "x.csv").write_text("id;customer\n1;Ada\n")

    result = runner(pipeline=make_pipeline(record=OrderModel), max_rejects="100%").run("x.csv")

    assert "input.columns" == result.code
    assert not (folder / "out").exists()


class WiderRow(BatchRecord):
    id = IntegerField()
    customer = CharField()
    note = CharField(null=True)

    class Meta:
        table_name = "orders"


def test_a_table_that_differs_from_its_model_is_refused_before_anything_is_written(runner, orders, folder):
    """The first failure concerns all inputs, and its message has the statement that mends the table."""
    assert runner(pipeline=make_pipeline(), max_rejects="2").run(orders).success
    pipeline = make_pipeline(reader=None, model=WiderRow)

    first, second = runner(pipeline=pipeline, output_dir="other").run_many(["x.csv", "y.csv"])

    assert ("database.table", "orchestration.not_run") == (first.code, second.code)
    assert 'ALTER TABLE "orders" ADD COLUMN "note"' in first.error
    assert not (folder / "other").exists()


class NameRow(BatchRecord):
    customer = CharField(max_length=100)

    class Meta:
        table_name = "names"


class OrdersAndNames(Target):
    models = (OrderRow, NameRow)


def test_a_target_has_several_tables(runner, orders, ask):
    result = runner(pipeline=make_pipeline(model=OrdersAndNames, record=OrderModel), max_rejects="2").run(
        orders
    )

    assert (None, (5, 2, 2, 1, 0)) == (result.error, result.sums)
    assert [(2, "Ada"), (7, "Zoë")] == ask("p.db", "SELECT line_number, customer FROM names")
    assert [1, 5] == [row[1] for row in ask("p.db", ALL)]


class UniqueRow(BatchRecord):
    id = IntegerField()

    class Meta:
        table_name = "unique_rows"
        indexes = ((("batch", "id"), True),)


def test_a_row_that_breaks_a_constraint_of_the_table_fails_its_own_input_only(runner, folder, ask):
    (folder / "twice.csv").write_text("id\n1\n7\n7\n")
    (folder / "once.csv").write_text("id\n1\n")

    first, second = runner(pipeline=make_pipeline(reader=None, model=UniqueRow)).run_many(
        ["twice.csv", "once.csv"]
    )

    assert ("database.constraint", None) == (first.code, second.code)
    assert "line 4" in first.error
    assert [(second.batch_id, 2, 1)] == ask("p.db", "SELECT * FROM unique_rows")


def test_retries_timeout_and_description_are_those_of_the_definition():
    pipeline = make_pipeline(retries=1, retry_delay_seconds=[2.0], timeout_seconds=5, description="Orders.")

    assert [("A", 1, (2.0,), 5, ())] * 1 == [
        (job.name, job.retries, job.delays, job.timeout_seconds, job.retry_on)
        for job in pipeline.select_jobs("A", "A")
    ]
    assert (("A", "B", "C"), "Orders.") == (pipeline.names, pipeline.description)
    assert [3, 3, 3] == [job.retries for job in make_pipeline().select_jobs()]


class Lacking(BaseModel):
    id: int
    customer: str


class Excessive(OrderModel):
    price: int


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"record": Lacking}, InputError, "amount"),
        ({"record": Excessive}, InputError, "price"),
        ({"record": 7}, TypeError, "7"),
        ({"reader": 7}, TypeError, "7"),
        ({"model": OrderModel}, TypeError, "BatchRecord"),
        ({"model": OrdersAndNames}, TypeError, "OrdersAndNames"),
        ({"max_rejects": "some"}, ValueError, "'some'"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_defined(options, error, words):
    with pytest.raises(error, match=words):
        make_pipeline(**options)


def test_defining_needs_no_pydantic(python):
    """Only a record class of pydantic's does."""
    code = """
import sys
from pipeline_orchestration import table_pipeline
print(sorted({"prefect", "pydantic", "peewee", "msgspec"} & set(sys.modules)))
"""
    assert ("[]\n", "") == python(code)
