"""The command on a PostgreSQL server: it works as on a file, and the password appears nowhere."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from pipeline_db.testing import postgres_server, postgres_url  # noqa: F401  # fixtures
from pipeline_orchestration import PipelineRunner

LINES = 200_000
SECRET = "s3cret-word"
COUNTS = "SELECT count(*), count(DISTINCT batch_id), count(DISTINCT content) FROM finalized_records"


@pytest.fixture
def url(folder, postgres_url, monkeypatch):  # noqa: F811  # a fixture
    """Set the URL of an empty schema in the environment, with a password, which this server ignores."""
    url = re.sub(r"://([^:@/]*)[^@/]*@", rf"://\1:{SECRET}@", postgres_url)
    assert SECRET in url
    monkeypatch.setenv("PIPELINE_DB_URL", url)
    Path("sample.txt").write_text("one\ntwo\n\nthree\n", encoding="utf-8")
    return url


def read_rows(url, statement):
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def test_a_file_becomes_a_finalized_batch_once(pipeline, url, engine):
    done = [pipeline("--log-level", "OFF", "run-all", "sample.txt") for _ in range(2)]

    assert [(0, ""), (0, "")] == [(each.returncode, each.stderr) for each in done]
    assert "batch 1 (was there already)" in done[1].stdout
    assert [(1, "one"), (2, "two"), (4, "three")] == read_rows(
        url, "SELECT line_number, content FROM finalized_records ORDER BY line_number"
    )
    assert [(1, "finalized", True)] == read_rows(
        url, "SELECT id, status, run_id IS NOT NULL FROM processing_batches"
    )
    assert not Path("data/pipeline.db").exists()


def test_the_jobs_can_be_run_one_by_one(pipeline, url):
    for words in (
        ("run", "sample.txt", "--stop-after", "A"),
        ("run", "data/output/sample_processed.json", "--start-from", "B", "--stop-after", "B"),
        ("run", "1", "--start-from", "C"),
    ):
        assert 0 == pipeline(*words).returncode

    assert [(3, 1, 3)] == read_rows(url, COUNTS)


def test_a_path_on_the_command_line_overrides_a_url_in_the_environment(pipeline, url):
    assert 0 == pipeline("--db-path", "p.db", "run-all", "sample.txt").returncode

    assert Path("p.db").exists()
    assert [] == read_rows(url, "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace")


def test_a_file_is_loaded_once_though_runs_are_killed(pipeline, url):
    """At whatever point; the server rolls back what was not committed."""
    Path("large.txt").write_text("".join(f"line {n}\n" for n in range(LINES)), encoding="utf-8")
    assert 0 == pipeline("--log-level", "OFF", "run", "large.txt", "--stop-after", "A").returncode
    loading = [
        "pipeline",
        "--log-level",
        "OFF",
        "run",
        "data/output/large_processed.json",
        "--start-from",
        "B",
    ]
    duration = 0.0
    for part in (None, 0.1, 0.4, 0.6, 0.8, 0.9):
        start = time.monotonic()
        process = subprocess.Popen(loading, stdout=subprocess.DEVNULL)
        if part is None:
            process.wait()
            duration = time.monotonic() - start
            with psycopg.connect(url) as connection:
                connection.execute("TRUNCATE processing_batches, processed_records")
        else:
            time.sleep(duration * part)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()

    done = pipeline("--log-level", "OFF", "run-all", "large.txt")

    assert (0, "") == (done.returncode, done.stderr)
    assert [(LINES, 1, LINES)] == read_rows(url, COUNTS)


def test_the_command_to_resume_has_no_password(pipeline, url):
    """It says where another run finds the password."""
    full_url = url + "&application_name=cut"
    Path("sample.txt").write_text("one\n", encoding="utf-8")
    Path("other.txt").write_text("other\n", encoding="utf-8")
    document = "data/output/sample_processed.json"
    assert 0 == pipeline("run", "sample.txt", "--stop-after", "A").returncode
    assert 0 == pipeline("--db-url", full_url, "run-all", "other.txt").returncode

    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE processing_batches IN ACCESS EXCLUSIVE MODE")
        options = ["--start-from", "B", "--busy-timeout", "0.1"]
        done = pipeline("--log-level", "OFF", "--db-url", full_url, "run", document, *options)

    seen = full_url.replace(f":{SECRET}@", "@")
    assert 6 == done.returncode
    error, command, hint = done.stderr.splitlines()
    assert error.endswith("[database.busy]")
    options = "--busy-timeout 0.1 --start-from B"
    assert f"To continue: pipeline --log-level OFF --db-url '{seen}' run {options} {document}" == command
    assert "This --db-url has no password: set PGPASSWORD, ~/.pgpass or PIPELINE_DB_URL" == hint
    assert SECRET not in done.stdout + done.stderr


def test_doctor_checks_the_server(pipeline, url):
    pipeline("run-all", "sample.txt")

    done = pipeline("doctor", "--json")

    found = {each["what"]: each for each in json.loads(done.stdout)["findings"]}
    assert 0 == done.returncode
    assert f"{re.sub(r'[?].*', '?…', url.replace(f':{SECRET}@', '@'))}, reached" == found["database"]["found"]
    assert "1 finalized, none unfinished" == found["batches"]["found"]
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("bad_url", "code", "exits"),
    [
        (f"postgresql://me:{SECRET}/x@127.0.0.1/d", "usage.setting", 2),
        (f"mysql://me:{SECRET}@127.0.0.1/d", "usage.setting", 2),
        (f"postgresql://me:{SECRET}@127.0.0.1:1/d", "database.unavailable", 6),
        (f"postgresql://me:{SECRET}@127.0.0.1/d?nonsense=1", "database.unavailable", 6),
        (f"postgresql://me@127.0.0.1/d?Password={SECRET}", "usage.setting", 2),
        (f"postgresql://me@127.0.0.1/d?p%61ssword={SECRET}", "usage.setting", 2),
        (f"postgresql://me@127.0.0.1/d#password={SECRET}", "usage.setting", 2),
        (f"postgresql://me@127.0.0.1:1/d?passwd={SECRET}", "database.unavailable", 6),
    ],
)
def test_no_error_shows_the_password(pipeline, url, bad_url, code, exits):
    for level in ("OFF", "DEBUG"):
        done = pipeline("--log-level", level, "--db-url", bad_url, "run", "sample.txt")

        assert (exits, True) == (done.returncode, f"[{code}]" in done.stderr)
        assert SECRET not in done.stdout + done.stderr
        assert not Path("data").exists()


@pytest.mark.parametrize("name", ["application_name", "options", "sslmode"])
def test_no_message_repeats_the_query(pipeline, url, name):
    """Only the command that continues does: without the query it might be about another database."""
    bad_url = f"postgresql://me@127.0.0.1:1/d?{name}=-cx%3D{SECRET}"
    done = pipeline("--log-level", "DEBUG", "--db-url", bad_url, "run", "sample.txt")
    report = pipeline("--db-url", bad_url, "doctor")

    assert (6, 6, 1) == (done.returncode, report.returncode, done.stderr.count(SECRET))
    assert SECRET in done.stderr.partition("To continue")[2].partition("\n")[0]
    assert SECRET not in report.stdout + report.stderr


def test_a_runner_uses_the_server(url, monkeypatch):
    monkeypatch.delenv("PIPELINE_DB_URL")
    runner = PipelineRunner(db_url=url, engine="local", log_level="OFF")

    result = runner.run(["one", "two"], start_from="B")

    assert (True, 1) == (result.success, result.batch_id)
    assert SECRET not in f"{runner.config!r} {result!r}"
    assert [(2, 1, 2)] == read_rows(url, COUNTS)


def test_prefect_does_not_get_the_password(pipeline, url, prefect_server, monkeypatch):
    import httpx  # a dependency of Prefect

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    assert 0 == pipeline("run-all", "sample.txt").returncode

    for what in ("flow_runs", "task_runs", "logs", "events", "artifacts"):
        answer = httpx.post(f"{prefect_server}/{what}/filter", json={"limit": 200}, timeout=60)
        assert SECRET not in answer.text
        if what == "flow_runs":
            newest = max(answer.json(), key=lambda run: run["created"])
            assert url.replace(f":{SECRET}@", "@") == newest["parameters"]["db_url"]
            assert newest["parameters"]["db_path"] is None


ORDERS = """
import msgspec
from datetime import datetime
from decimal import Decimal
from peewee import DateTimeField, DecimalField, IntegerField, TextField
from pipeline_db import BatchRecord
from pipeline_orchestration import table_pipeline

class Order(msgspec.Struct):
    id: int
    customer: str
    amount: Decimal
    placed_at: datetime | None

class OrderRow(BatchRecord):
    id = IntegerField()
    customer = TextField()
    amount = DecimalField(max_digits=12, decimal_places=2)
    placed_at = DateTimeField(null=True)

    class Meta:
        table_name = "orders"

pipeline = table_pipeline("orders", record=Order, model=OrderRow, max_rejects="1")
"""


def test_typed_rows_are_loaded_into_a_table_and_rejects_kept(pipeline, url, engine):
    Path(f"orders_{engine}.py").write_text(ORDERS)
    Path("orders.csv").write_text(
        "id,customer,amount,placed_at\n1,Zoë,12.5,2026-01-02T03:04:05+02:00\n\nx,secret,1,\n2,Li,0,\n",
        encoding="utf-8",
    )
    command = ["--log-level", "OFF", "--pipeline", f"orders_{engine}.py:pipeline", "run-all", "orders.csv"]

    done = [pipeline(*command) for _ in range(2)]
    rejects = pipeline("rejects", "1", "--json")

    assert [(0, ""), (0, "")] == [(each.returncode, each.stderr) for each in done]
    assert "  4 read = 2 loaded + 1 rejected + 1 blank\n" in done[0].stdout
    assert "batch 1 (was there already)" in done[1].stdout
    assert [(2, 1, "Zoë", "12.50", "2026-01-02 01:04:05"), (5, 2, "Li", "0.00", None)] == read_rows(
        url,
        "SELECT line_number, id, customer, amount::text, placed_at::text FROM finalized_orders ORDER BY 1",
    )
    (reject,) = json.loads(rejects.stdout)["rejects"]
    assert (4, "A", "id", "type", "x,secret,1,") == tuple(
        reject[name] for name in ("line_number", "job", "column", "kind", "raw")
    )
    assert SECRET not in "".join(each.stdout + each.stderr for each in [*done, rejects])
