"""Both engines give the same results."""

import os
import sqlite3
from contextlib import closing

import pytest

from pipeline_orchestration import PipelineRunner


def run_everything(engine, folder, monkeypatch):
    """Run inputs of every kind in a new folder; return what has to be equal on both engines."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "one.txt").write_text("one\n\nthree\n")
    (folder / "empty.txt").touch()
    (folder / "bad.txt").write_bytes(b"ok\n\xff")
    (folder / os.fsdecode(b"\xff{x}%.txt")).write_text("two")
    (folder / "x.json").write_text('{"records": ["a", {"content": 7}]}')
    runner = PipelineRunner(engine=engine, output_dir="out", db_path="p.db", log_level="OFF")
    texts = ["one.txt", "empty.txt", "bad.txt", os.fsdecode(b"\xff{x}%.txt"), "missing.txt", "one.txt", "7"]
    results = [
        *runner.run_many(texts),
        *runner.run_many(["x.json", ["a"], {"records": [1]}, {"a"}, ["a"]], "B"),
        *runner.run_many([1, "2", 99, "x", True, 0], "C"),
        *PipelineRunner(engine=engine, db_path="one.txt", log_level="OFF").run_many(["one.txt", "one.txt"]),
        *PipelineRunner(engine=engine, output_dir="one.txt/x", log_level="OFF").run_many(["one.txt", ["a"]]),
    ]
    assert {engine} == {result.engine for result in results}
    return [
        (
            result.input,
            result.code,
            result.error and result.error.replace(str(folder), ""),
            result.batch_id,
            result.duplicate,
            [(job.job, str(job.output).replace(str(folder), ""), dict(job.counts)) for job in result.jobs],
        )
        for result in results
    ]


@pytest.mark.usefixtures("prefect_server")
def test_both_engines_give_equal_outputs_counts_codes_messages_and_ids(tmp_path, monkeypatch):
    local = run_everything("local", tmp_path / "local", monkeypatch)
    prefect = run_everything("prefect", tmp_path / "prefect", monkeypatch)

    assert local == prefect
    assert 22 == len(local)


SWAPPING = """
from pathlib import Path
from pipeline_jobs import BaseJob, JobA, JobB
from pipeline_orchestration import PipelineDefinition

class Swap(BaseJob[Path, Path]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        other = value.with_suffix(".other")  # each input has its own
        other.write_text('["other"]')
        other.rename(value)
        return value

pipeline = PipelineDefinition("swapping").add_job("A", lambda run: JobA(run.output_dir))
pipeline.add_job("swap", lambda run: Swap()).add_job("B", lambda run: JobB(run.store))
"""


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("engine", ["local", "prefect"])
@pytest.mark.parametrize("concurrency", [1, 2])
def test_in_one_run_a_document_that_was_replaced_is_not_loaded(folder, engine, concurrency):
    """In the next one it is: users may replace a document between two commands."""
    (folder / "swapping.py").write_text(SWAPPING)
    for name in ("one", "two"):
        (folder / f"{name}.txt").write_text(name)
    settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF", "concurrency": concurrency}
    runner = PipelineRunner(engine=engine, pipeline="swapping.py:pipeline", **settings)

    results = runner.run_many(["one.txt", "two.txt"])

    assert ["input.changed", "input.changed"] == [result.code for result in results]
    assert runner.run("out/one_processed.json", "B").success


ORDERS = """
from decimal import Decimal
import msgspec
from peewee import DecimalField, IntegerField, TextField
from pipeline_db import BatchRecord
from pipeline_jobs import Csv, JobA, JobB, JobC, MapJob, RejectRow
from pipeline_orchestration import PipelineDefinition, table_pipeline

class Order(msgspec.Struct):
    id: int
    customer: str
    amount: Decimal

class OrderRow(BatchRecord):
    id = IntegerField()
    customer = TextField()
    amount = DecimalField(max_digits=12, decimal_places=2)

class Check(MapJob[Order, Order]):
    def row(self, row):
        if row.customer == "nobody":
            return None
        if row.amount < 0:
            raise RejectRow("amount", "below 0")
        return row

def make_job_a(run):
    return JobA(run.output_dir, reader=Csv(), record=Order, max_rejects=run.max_rejects)

table = table_pipeline("orders", record=Order, model=OrderRow)
mapped = (
    PipelineDefinition("orders")
    .add_job("A", make_job_a)
    .add_job("check", lambda run: Check(run.output_dir, max_rejects=run.max_rejects))
    .add_job("B", lambda run: JobB(run.store))
    .add_job("C", lambda run: JobC(run.store))
)
"""
FILES = {
    "good.csv": "id,customer,amount\n1,Ada,1.50\n\n2,Zoë,2\n3,nobody,1\n",
    "some.csv": 'id,customer,amount\n1,"A\nB",1\nx,y,1\n1,2\n5,Eve,-1\n6,Lin,0\n',
    "most.csv": "id,customer,amount\nx,y,z\n",
    "other.csv": "id,price\n1,2\n",
}


def load_orders(engine, attribute, folder, monkeypatch):
    """Load typed rows in a new folder; return what has to be equal on both engines."""
    table, last = {"table": ("orderrow", "processed"), "mapped": ("processed_records", "check")}[attribute]
    folder.mkdir()
    monkeypatch.chdir(folder)
    name = f"{attribute}_{engine}"  # a process imports each file once
    (folder / f"{name}.py").write_text(ORDERS)
    for file, text in FILES.items():
        (folder / file).write_text(text, encoding="utf-8")
    runner = PipelineRunner(
        engine=engine,
        pipeline=f"{name}.py:{attribute}",
        max_rejects="60%",
        output_dir="out",
        db_path="p.db",
        log_level="OFF",
    )
    results = [
        *runner.run_many([*FILES, "missing.csv", "good.csv"]),
        runner.run(f"out/some_{last}.json", "B"),
    ]
    with closing(sqlite3.connect("p.db")) as database:
        rows = database.execute(f"SELECT * FROM {table} ORDER BY batch_id, line_number").fetchall()
        rejects = database.execute("SELECT * FROM rejected_records ORDER BY batch_id, line_number").fetchall()
    outcomes = [
        (
            result.input,
            result.code,
            result.error and result.error.replace(str(folder), ""),
            result.batch_id,
            result.duplicate,
            result.sums,
            [(job.job, str(job.output).replace(str(folder), ""), dict(job.counts)) for job in result.jobs],
        )
        for result in results
    ]
    return rows, rejects, outcomes


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("attribute", "sums", "counts"),
    [
        ("table", [(4, 3, 0, 1, 0), (5, 3, 2, 0, 0)], (6, 2)),
        ("mapped", [(4, 2, 0, 1, 1), (5, 2, 3, 0, 0)], (4, 3)),
    ],
)
def test_both_engines_load_the_same_typed_rows_and_rejects(tmp_path, monkeypatch, attribute, sums, counts):
    local = load_orders("local", attribute, tmp_path / "local", monkeypatch)
    prefect = load_orders("prefect", attribute, tmp_path / "prefect", monkeypatch)

    assert local == prefect
    rows, rejects, outcomes = local
    codes = [None, None, "input.rejects", "input.columns", "input.missing", None]
    assert codes == [outcome[1] for outcome in outcomes[:6]]
    assert sums == [outcome[5] for outcome in outcomes[:2]]
    assert counts == (len(rows), len(rejects))


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("engine", "task_runner"), [("local", None), ("prefect", "threads"), ("prefect", "processes")]
)
def test_typed_rows_are_loaded_by_several_workers(folder, engine, task_runner):
    """The record class and the model are imported there, from the file of the definition."""
    (folder / f"typed_{engine}.py").write_text(ORDERS)
    for number in range(4):
        (folder / f"{number}.csv").write_text(FILES["some.csv"].replace("Lin", str(number)), encoding="utf-8")
    settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF", "max_rejects": "2"}
    runner = PipelineRunner(
        engine=engine,
        pipeline=f"typed_{engine}.py:table",
        concurrency=2,
        task_runner=task_runner,
        **settings,
    )

    results = runner.run_many([f"{number}.csv" for number in range(4)])

    assert [None] * 4 == [result.error for result in results]
    assert [(5, 3, 2, 0, 0)] * 4 == [result.sums for result in results]
    with closing(sqlite3.connect("p.db")) as database:
        rows = database.execute("SELECT customer FROM finalized_orderrow WHERE id = 6 ORDER BY 1").fetchall()
    assert [("0",), ("1",), ("2",), ("3",)] == rows
