"""`pipeline rejects` and `pipeline adopt`, and what a run prints of typed rows: whole outputs."""

import json
import sqlite3
from contextlib import closing

import pytest

ORDERS = """
from typing import Annotated
import msgspec
from pipeline_jobs import Csv, JobA, JobB, JobC
from pipeline_orchestration import PipelineDefinition

class Order(msgspec.Struct):
    id: int
    customer: str
    amount: Annotated[int, msgspec.Meta(gt=0)]

def make_job_a(run):
    return JobA(run.output_dir, reader=Csv(), record=Order, max_rejects=run.max_rejects)

pipeline = (
    PipelineDefinition("orders")
    .add_job("A", make_job_a)
    .add_job("B", lambda run: JobB(run.store))
    .add_job("C", lambda run: JobC(run.store))
)
"""
ROWS = 'id,customer,amount\n1,Ada,2\nx,[bold]Ada\x1b[31m,2\n\n2,"Grace\nHopper",-1\n3,Zoë\n'


@pytest.fixture
def orders(pipeline, folder, monkeypatch):
    """A function that runs the command with a pipeline of typed rows."""
    (folder / "orders.py").write_text(ORDERS)
    (folder / "orders.csv").write_text(ROWS, encoding="utf-8")
    monkeypatch.setenv("PIPELINE_PIPELINE", "orders.py:pipeline")
    monkeypatch.setenv("PIPELINE_LOG_LEVEL", "OFF")
    return pipeline


def test_a_run_ends_with_the_sums_and_the_command_that_shows_the_rejects(orders, folder):
    done = orders("--db-path", "p.db", "run-all", "orders.csv", "--max-rejects", "75%")

    assert (0, "") == (done.code, done.err)
    assert (
        "orders.csv\n"
        f"  A  1 records, 3 rejected    #.### s  {folder}/data/output/orders_processed.json\n"
        "  B              1 records    #.### s  batch 1\n"
        "  C              1 records    #.### s  batch 1\n"
        "  5 read = 1 loaded + 3 rejected + 1 blank\n"
        "  Rejected rows: pipeline --db-path p.db rejects 1\n"
    ) == done.out


def test_several_inputs_have_a_table_of_their_sums(orders, folder):
    (folder / "more.csv").write_text("id,customer,amount\n7,Lin,1\n")

    done = orders("run-all", "orders.csv", "more.csv", "none.csv", "--max-rejects", "3")

    assert 3 == done.code
    assert (
        "  batch        read      loaded    rejected       blank     dropped   seconds\n"
        "      1           5           1           3           1           0     #.###  orders.csv\n"
        "      2           1           1           0           0           0     #.###  more.csv\n"
        " failed                                                                 #.###  none.csv\n"
        "3 inputs: 2 done, 1 failed\n"
        "  6 read = 2 loaded + 3 rejected + 1 blank\n"
        "  Rejected rows: pipeline rejects 1\n"
    ) == done.out


def test_a_file_with_more_rejects_is_refused_and_names_them_without_data(orders):
    done = orders("run-all", "orders.csv", "--max-rejects", "2")

    assert (3, "orders.csv\n") == (done.code, done.out)
    assert done.err.endswith(" [input.rejects]\n")
    for place in ("line 3, id", "line 5, amount", "line 7"):
        assert place in done.err
    assert "Ada" not in done.err
    assert "Hopper" not in done.err


def test_a_limit_that_is_none_is_a_usage_error(orders):
    done = orders("run-all", "orders.csv", "--max-rejects", "some")

    expected = "expected a number of rows from 0 to 9223372036854775807, or a percentage from 0% to 100%"
    assert 2 == done.code
    assert f"Error: max_rejects (argument): {expected}, got 'some' [usage.setting]\n" == done.err


def test_rejects_are_a_table(orders):
    """Rows are escaped, and markup in them is none."""
    orders("run-all", "orders.csv", "--max-rejects", "3")

    done = orders("rejects", "1")

    assert (0, "") == (done.code, done.err)
    assert (
        "line  job  column  kind     reason                 row\n"
        "3     A    id      type     Expected int, got str  x,[bold]Ada\\x1b[31m,2\n"
        '5     A    amount  rule     Expected int >= 1      2,"Grace\\nHopper",-1\n'
        "7     A            columns  2 columns, expected 3  3,Zoë\n"
        "3 rejected rows of batch 1, orders.csv\n"
    ) == done.out


def test_a_limit_on_the_table_says_that_there_are_more(orders):
    orders("run-all", "orders.csv", "--max-rejects", "3")

    done = orders("rejects", "1", "--limit", "1")

    assert ["3", "1 of 3 rejected rows of batch 1, orders.csv; --limit shows more"] == [
        done.out.splitlines()[1].split()[0],
        done.out.splitlines()[-1],
    ]
    assert 3 == len(done.out.splitlines())


def test_rejects_as_json_hold_the_rows_as_they_were_read(orders):
    orders("run-all", "orders.csv", "--max-rejects", "3")

    document = orders("rejects", "1", "--limit", "2", "--json").document

    first, second = document.pop("rejects")
    assert {"batch": 1, "source": "orders.csv", "rejected": 3} == document
    assert {"line_number": 3, "job": "A", "column": "id", "kind": "type", "resolved_by": None} == {
        name: first[name] for name in ("line_number", "job", "column", "kind", "resolved_by")
    }
    assert ("x,[bold]Ada\x1b[31m,2", '2,"Grace\nHopper",-1') == (first["raw"], second["raw"])


def test_a_batch_of_lines_has_no_rejects(pipeline):
    pipeline("--log-level", "OFF", "run-all", "sample.txt")

    done = pipeline("rejects", "1")

    assert (0, "0 rejected rows of batch 1, sample.txt\n", "") == (done.code, done.out, done.err)


@pytest.mark.parametrize("json_option", [(), ("--json",)])
@pytest.mark.parametrize(("batch", "code", "error"), [("7", 4, "batch.not_found"), ("x", 3, "input.id")])
def test_a_batch_that_does_not_exist_has_no_rejects(pipeline, batch, code, error, json_option):
    done = pipeline("rejects", batch, *json_option)

    assert code == done.code
    assert done.err.startswith("Error: ")
    assert done.err.endswith(f"[{error}]\n")
    if json_option:
        assert error == json.loads(done.out)["error"]["code"]


def test_a_database_with_other_tables_can_be_used_once_it_is_adopted(pipeline, folder):
    with closing(sqlite3.connect("shop.db")) as database:
        database.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
        database.execute("INSERT INTO customers VALUES (7)")
        database.commit()
    options = ("--db-path", "shop.db", "--log-level", "OFF")

    refused = pipeline(*options, "run-all", "sample.txt")
    adopted = pipeline(*options, "adopt")
    done = pipeline(*options, "run-all", "sample.txt")

    assert 6 == refused.code
    assert "[database.foreign]" in refused.err
    assert (0, "") == (adopted.code, adopted.err)
    assert f"The pipeline may use {folder}/shop.db; your own tables are as they were\n" == adopted.out
    assert 0 == done.code
    with closing(sqlite3.connect("shop.db")) as database:
        assert [(7,)] == database.execute("SELECT * FROM customers").fetchall()
        assert [(3,)] == database.execute("SELECT count(*) FROM finalized_records").fetchall()
