"""The command that continues after a failure: run as it is printed, it really does."""

import os
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_cli.continuing import _quoted, continue_with
from pipeline_db import DatabaseError
from pipeline_jobs import BatchError, BatchId, InputError, JobResult, Url
from pipeline_orchestration import PipelineRunner, RunResult

BUSY = DatabaseError("database.busy", "x.db: in use", retriable=True)
NONE_GIVEN = {"start_from": None, "stop_after": None}
ODD = os.fsdecode(b'it\'s "odd" $HOME `id` \\ !1 ~ *\n\x1b[31m\t\xff gr\xc3\xb6\xc3\x9fe')


@pytest.fixture
def lock(pipeline, folder):
    """The write lock of a database that holds one batch, not finalized; to be closed."""
    pipeline("run", "sample.txt", "--stop-after", "B")
    with closing(sqlite3.connect(folder / "data/pipeline.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield holder


def statuses(database):
    with closing(sqlite3.connect(database)) as connection:
        return Counter(status for (status,) in connection.execute("SELECT status FROM processing_batches"))


def in_bash(command):
    return subprocess.run(["bash", "-c", command], capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", ["other.txt", ODD], ids=["plain", "odd"])
def test_the_printed_command_continues(program, lock, folder, name):
    """A database in use is free again: what B could not load is loaded, and all of it is finalized."""
    (folder / name).write_text("one more\n", encoding="utf-8")
    done = program("--output-dir", f"to {name}", "run-all", "--busy-timeout", "0.1", name)
    command = done.err.splitlines()[-1].removeprefix("To continue: ")
    lock.close()

    assert 6 == done.code
    assert command.startswith("pipeline --output-dir ")
    assert 0 == in_bash(command)
    assert {"loaded": 1, "finalized": 1} == statuses(folder / "data/pipeline.db")


def test_the_command_in_the_document_continues_too(program, lock, folder):
    """With B as the first job the input is the document, by the name it was given."""
    (folder / "data/output/sample_processed.json").rename(folder / "-x 'y'.json")
    options = ["--start-from", "B", "--stop-after", "B", "--busy-timeout", "0", "--on-duplicate", "load"]
    options += ["--max-record-bytes", "99"]
    done = program("run", *options, "--json", "--", "-x 'y'.json")
    lock.close()

    (run,) = done.document["runs"]
    repeated = "--busy-timeout 0.0 --on-duplicate load --max-record-bytes 99 --start-from B --stop-after B"
    command = f"""pipeline run {repeated} -- '-x '"'"'y'"'"'.json'"""
    assert (6, command) == (done.code, run["continue_with"])
    assert 0 == in_bash(command)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "pipeline run x.txt"),
        (["--stop-after", "B"], "pipeline run --stop-after B x.txt"),
        (["--start-from", "B"], "pipeline run --start-from B x.txt"),
    ],
)
def test_where_no_job_has_run_the_same_range_is_run_again(pipeline, folder, options, expected):
    """A database that cannot be used is refused before A has run: B must not be given what is A's."""
    (folder / "x.txt").write_text("a\n", encoding="utf-8")
    database = folder / "data/pipeline.db"
    database.mkdir(parents=True)
    done = pipeline("run", "x.txt", *options)
    database.rmdir()

    assert (6, f"To continue: {expected}") == (done.code, done.err.splitlines()[-1])
    assert (3 if "--start-from" in options else 0) == in_bash(expected)


def continuing(*jobs, value="x.txt", **options):
    runner = PipelineRunner(engine="local")
    return continue_with(runner, RunResult(value, "local", jobs), {**NONE_GIVEN, **options}, value)


def test_every_option_is_repeated(folder):
    done, failed = JobResult("B", BatchId(7)), JobResult("C", exception=BUSY)
    given = {"output_dir": "a b", "encoding": "latin-1", "log_level": "OFF", "db_path": None}

    command = continuing(done, failed, **given, stop_after="C")

    options = "--start-from C --stop-after C --encoding latin-1"
    assert f"pipeline --log-level OFF --output-dir 'a b' run {options} 7" == command


@pytest.mark.parametrize(
    "jobs",
    [
        (),
        (JobResult("A", "x.json"),),
        (JobResult("A", exception=OSError("disk full")),),
        (JobResult("A", "x.json"), JobResult("B", exception=InputError("input.hash", "changed"))),
        (JobResult("A", "x.json"), JobResult("B", exception=BatchError("batch.duplicate", "there"))),
        (JobResult("A", {"no": "path"}), JobResult("B", exception=BUSY)),
    ],
    ids=["nothing ran", "success", "first job", "input refused", "batch refused", "output in memory"],
)
def test_there_is_no_command_where_none_would_help(folder, jobs):
    assert continuing(*jobs) is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words=st.lists(st.binary().map(lambda word: word.replace(b"\0", b""))))
def test_a_shell_reads_back_what_is_quoted(words):
    """Any bytes a file name can be made of, without a character that does not print."""
    command = " ".join(_quoted(os.fsdecode(word)) for word in words)

    read = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout

    assert command.isprintable()
    assert (words or [b""]) == read.split(b"\0")[:-1]


def test_a_store_that_is_away_is_worth_another_try(folder):
    """An input that is refused is refused again; one that could not be reached may be reached later."""
    document = Url("s3://bucket/a b_processed.json")
    away = InputError("input.unreachable", "away", retriable=True)
    result = RunResult("x", "local", (JobResult("A", document), JobResult("B", exception=away)))

    command = continue_with(PipelineRunner(), result, NONE_GIVEN, "s3://bucket/a b.txt")

    assert f"pipeline run --start-from B '{document}'" == command
