"""Many inputs on the command line: folders and globs, how far a run has come, and what became of it."""

import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pipeline_cli import inputs_progress, table
from pipeline_cli.inputs_progress import InputsReport
from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_orchestration import RunResult

DONE = RunResult("x.txt", "local", (JobResult("B", BatchId(3), counts={"records": 1200}),))
AGAIN = RunResult("y.txt", "local", (JobResult("B", BatchId(1), counts={"records": 5, "duplicate": 5}),))
FAILED = RunResult("z.txt", "local", (JobResult("A", exception=InputError("input.nul", "a NUL")),))
BAR = """
from pipeline_cli import inputs_progress
from pipeline_orchestration import RunResult
inputs_progress._PATIENCE = 0
with inputs_progress.InputsReport(2000) as report:
    report.finished(RunResult("x", "local"))
    report("A", "[red].txt", 1, 2, 3)
"""


@pytest.fixture
def many(folder):
    """Thirty files in a folder, of which two are no text."""
    Path("in").mkdir()
    for number in range(30):
        Path(f"in/{number:02}.txt").write_bytes(b"\xff" if number in (3, 20) else b"one\n")


def test_a_folder_and_a_quoted_glob(pipeline, many):
    """The same file is run once; failures come last, and the first of them decides."""
    done = pipeline("--log-level", "OFF", "run-all", "in/0*.txt", "in")

    lines = done.out.splitlines()
    assert [f"in/{number:02}.txt" for number in range(30) if number not in (3, 20)] + [
        "in/03.txt",
        "in/20.txt",
    ] == [line.split()[-1] for line in lines[1:-1]]
    assert "30 inputs: 28 done, 2 failed" == lines[-1]
    assert 2 == done.err.count("[input.undecodable]")
    assert 3 == done.code


def test_several_at_a_time_print_the_same(pipeline, many, monkeypatch):
    """Also where processes do the work."""
    from pipeline_orchestration import groups

    monkeypatch.setattr(groups, "_START", 0)

    one = pipeline("--log-level", "OFF", "run-all", "in")
    two = pipeline("--log-level", "OFF", "--db-path", "other.db", "run-all", "in", "--concurrency", "2")

    def cut(done):
        return [line.split()[-1] for line in done.out.splitlines()], done.err, done.code

    assert cut(one) == cut(two)


def test_ids_are_no_globs(pipeline, folder):
    pipeline("run-all", "sample.txt")

    done = pipeline("--log-level", "OFF", "run", "1", "1", "no*", "--start-from", "C")

    assert "3 inputs: 2 done, 1 failed" == done.out.splitlines()[-1]
    assert "no* is no batch id" in done.err.replace("'", "")


def test_documents_are_inputs_of_the_job_that_loads_them(pipeline, folder):
    pipeline("run", "sample.txt", "--stop-after", "A")

    assert "batch 1" in pipeline("run", "data/output", "--start-from", "B").out


def test_many_failures_are_summed_up(pipeline, folder):
    Path("in").mkdir()
    for number in range(50):
        Path(f"in/{number:02}.txt").write_bytes(b"\xff")

    done = pipeline("--log-level", "OFF", "run-all", "in")

    *_, more, hint = done.err.splitlines()
    assert 22 == len(done.err.splitlines())
    assert "Error: 30 more failed: input.undecodable 30" == more
    assert "To continue: run the same command again; --json tells of each" == hint


def test_a_log_is_told_now_and_then(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(inputs_progress, "_PATIENCE", 0)
    monkeypatch.setattr(inputs_progress, "_PAUSE", 0)
    with InputsReport(1500, bar=False) as report:
        report.finished(DONE)
        report.finished(FAILED)

    assert [
        "1 of 1,500 inputs done, 0 failed, 1,200 records",
        "2 of 1,500 inputs done, 1 failed, 1,200 records",
    ] == caplog.messages


def test_a_quick_run_says_nothing(caplog):
    caplog.set_level(logging.INFO)
    with InputsReport(2) as report:
        report.finished(DONE)
        report("A", "x.txt", 1, 2, 3)

    assert [] == caplog.messages


def test_a_bar_is_drawn_on_a_terminal():
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-c", BAR],
        stderr=theirs,
        check=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    drawn = b""
    try:
        while block := os.read(ours, 65536):
            drawn += block
    except OSError:  # how a terminal says that nobody writes any more
        pass

    assert b"1/2000" in drawn.replace(b"\x1b[32m", b"").replace(b"\x1b[0m", b"")
    assert b"A [red].txt 50 %" in drawn


def test_on_a_terminal_of_many_there_are_sums(capsys, monkeypatch):
    """Failures are told of on standard error; ten thousand rows are nothing to read."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    table.print_runs([DONE] * 60 + [AGAIN, FAILED])

    assert (
        "62 inputs: 61 done, 1 failed\n"
        "  60 new: 72,000 records, batch 3\n"
        "  1 were there already: 5 records, batch 1\n"
    ) == click.unstyle(capsys.readouterr().out)
