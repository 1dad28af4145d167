"""The command that resumes a run after a failure, and its quoting for a shell."""

import os
import subprocess
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_db import DatabaseError
from pipeline_jobs import BatchError, BatchId, InputError, JobError, JobResult, PipelineError, Url
from pipeline_orchestration import RunResult, build_resume_command
from pipeline_orchestration.execution.resume_command import introduce_command, quote_for_shell
from pipeline_orchestration.text_pipeline import pipeline

BUSY = DatabaseError("database.busy", "x.db: in use", retriable=True)
NONE_GIVEN = {"start_from": None, "stop_after": None}


class Color(str, Enum):  # noqa: UP042  # whose text is Color.RED
    RED = "red"


def build(*jobs, value="x.txt", **options):
    return build_resume_command(pipeline, RunResult(value, "local", jobs), {**NONE_GIVEN, **options}, value)


def test_every_option_is_repeated(folder):
    done, failed = JobResult("B", BatchId(7)), JobResult("C", exception=BUSY)
    given = {"output_dir": "a b", "encoding": "latin-1", "log_level": "OFF", "db_path": None}

    command = build(done, failed, **given, stop_after="C")

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
        (JobResult("A", "x.json"), JobResult("B", exception=PipelineError("shop.closed", "closed"))),
    ],
    ids=[
        *("nothing ran", "success", "first job", "input refused", "batch refused", "output in memory"),
        "final error of a job of one's own",
    ],
)
def test_there_is_no_command_if_resuming_would_not_help(folder, jobs):
    assert build(*jobs) is None


def test_there_is_no_command_with_an_option_that_is_wrong(folder):
    """A default that is wrong can be moved away; then the same command works."""
    failed = JobResult("B", exception=DatabaseError("database.not_a_file", "it is a folder"))

    assert build(JobResult("A", "x.json"), failed, db_path="folder") is None
    assert build(JobResult("A", "x.json"), failed) == "pipeline run --start-from B x.json"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PipelineError("shop.busy", "busy", retriable=True), "To continue"),
        (MemoryError(), "To continue"),
        (ConnectionRefusedError("no answer"), "To continue"),
        (TimeoutError(), "To continue"),
        (DatabaseError("database.full", "full"), "To continue"),
        (ZeroDivisionError(), "To continue, after mending the job"),
        (JobError("job.exit", "it called sys.exit()"), "To continue, after mending the job"),
        (JobError("job.timeout", "it took too long", retriable=True), "To continue"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_the_command_is_introduced_by_what_it_needs(folder, error, words):
    done, failed = JobResult("B", BatchId(7)), JobResult("C", exception=error)

    assert build(done, failed) == "pipeline run --start-from C 7"
    assert words == introduce_command(RunResult("x.txt", "local", (done, failed)))


class Odd(Path):
    def __str__(self):
        raise LookupError


@pytest.mark.parametrize(
    "output",
    [
        *("folder", Path("folder"), "pipe", Path("pipe"), "*.txt", "**", "-", Path("-")),
        *("https://me:hunter2@host/x", "https://host/x?token=hunter2", Url("https://me:hunter2@host/x")),
        *("s3://bucket/folder/", "s3://bucket/*.txt", "https://host/*", "file:///", "file://host/x"),
        *("a\ud800", Path("a\ud800"), "file:///\ud800", "a\0b", Path("a\0b"), 4001 * "x", Path(4001 * "x")),
        *(True, False, 10**5000, 2**100, 1.5, None, [7], b"7", Odd("x")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_there_is_no_command_with_an_output_that_it_would_read_as_anything_else(folder, output):
    """A folder or pattern would be expanded, a URL with a password is refused."""
    Path("folder").mkdir()
    Path("x.txt").touch()
    os.mkfifo("pipe")

    assert build(JobResult("B", output), JobResult("C", exception=BUSY)) is None


@pytest.mark.parametrize(
    ("output", "word"),
    [
        *((7, "7"), ("x.txt", "x.txt"), (Path("x.txt"), "x.txt"), (Path("missing"), "missing")),
        *(
            ("why?", "'why?'"),
            ("7 ****", "'7 ****'"),
            ("a\nb", r"$'a\012b'"),
            ("\udcff", r"$'\377'"),
            (4000 * "x", 4000 * "x"),
        ),
        ("https://host/x?page=[1]", "'https://host/x?page=[1]'"),
        ("s3://bucket/x.txt", "s3://bucket/x.txt"),
        (Color.RED, "red"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_command_names_the_output_of_the_job_before(folder, output, word):
    Path("x.txt").touch()

    command = build(JobResult("B", output), JobResult("C", exception=BUSY))

    assert f"pipeline run --start-from C {word}" == command


def test_there_is_no_command_with_an_option_that_no_command_line_can_hold(folder):
    failed = JobResult("C", exception=BUSY)

    assert build(JobResult("B", BatchId(7)), failed, param=["name=\ud800"]) is None


@given(words=st.lists(st.binary().map(lambda word: word.replace(b"\0", b""))))
def test_a_shell_reads_quoted_words_back(words):
    """Words may have any bytes of a file name; the command is printable."""
    command = " ".join(quote_for_shell(os.fsdecode(word)) for word in words)

    read = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout

    assert command.isprintable()
    assert (words or [b""]) == read.split(b"\0")[:-1]


def test_a_run_can_be_resumed_after_its_store_was_unreachable(folder):
    """A refused input stays refused; one that could not be reached may be reachable later."""
    document = Url("s3://bucket/a b_processed.json")
    unreachable = InputError("input.unreachable", "no answer", retriable=True)
    result = RunResult("x", "local", (JobResult("A", document), JobResult("B", exception=unreachable)))

    command = build_resume_command(pipeline, result, NONE_GIVEN, "s3://bucket/a b.txt")

    assert f"pipeline run --start-from B '{document}'" == command


def test_a_password_is_left_out():
    """`PGPASSWORD`, `~/.pgpass` or `PIPELINE_DB_URL` can hold it instead."""
    done, failed = JobResult("B", BatchId(7)), JobResult("C", exception=BUSY)

    command = build(done, failed, db_url="postgresql://me:hunter2@host/name")

    assert "pipeline --db-url postgresql://me@host/name run --start-from C 7" == command
