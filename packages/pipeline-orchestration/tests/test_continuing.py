"""Which command continues after a failure, and how a shell reads it."""

import os
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_db import DatabaseError
from pipeline_jobs import BatchError, BatchId, InputError, JobResult, Url
from pipeline_orchestration import RunResult, continue_with
from pipeline_orchestration.continuing import quoted
from pipeline_orchestration.text import pipeline

BUSY = DatabaseError("database.busy", "x.db: in use", retriable=True)
NONE_GIVEN = {"start_from": None, "stop_after": None}


def continuing(*jobs, value="x.txt", **options):
    return continue_with(pipeline, RunResult(value, "local", jobs), {**NONE_GIVEN, **options}, value)


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
    command = " ".join(quoted(os.fsdecode(word)) for word in words)

    read = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout

    assert command.isprintable()
    assert (words or [b""]) == read.split(b"\0")[:-1]


def test_a_store_that_is_away_is_worth_another_try(folder):
    """An input that is refused is refused again; one that could not be reached may be reached later."""
    document = Url("s3://bucket/a b_processed.json")
    away = InputError("input.unreachable", "away", retriable=True)
    result = RunResult("x", "local", (JobResult("A", document), JobResult("B", exception=away)))

    command = continue_with(pipeline, result, NONE_GIVEN, "s3://bucket/a b.txt")

    assert f"pipeline run --start-from B '{document}'" == command


def test_a_password_is_not_repeated():
    """Given on the command line, it is in there; `PIPELINE_DB_URL` and libpq's own places may hold it."""
    done, failed = JobResult("B", BatchId(7)), JobResult("C", exception=BUSY)

    command = continuing(done, failed, db_url="postgresql://me:hunter2@host/name")

    assert "pipeline --db-url postgresql://me@host/name run --start-from C 7" == command
