"""The edge of the process: closed outputs and bugs become exit codes and plain words."""

import json
import os
import subprocess
from pathlib import Path

import pytest

BUGGY = """
def first(): raise RuntimeError("a\\x1b[31m\\nb")
first()
"""
SAID = "Error: RuntimeError: a\\x1b[31m\\nb; --log-level DEBUG shows where [internal.RuntimeError]\n"


@pytest.fixture
def buggy(folder):
    """A pipeline whose file cannot be run."""
    (folder / "buggy.py").write_text(BUGGY, encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list-jobs"],
        ["run-all", "sample.txt"],
        ["run-all", "sample.txt", "--json"],
        ["run-all", "--json"],
    ],
    ids=" ".join,
)
def test_a_closed_output_ends_as_in_a_shell(program, arguments):
    """As after `| head -0`: 141 and no traceback; what was asked for is done."""
    read, write = os.pipe()
    os.close(read)
    done = program("--log-level", "OFF", *arguments, out=write)
    os.close(write)

    assert 141 == done.code
    assert "Traceback" not in done.err
    assert ("sample.txt" in arguments) == Path("data/pipeline.db").exists()


def test_a_closed_error_output_ends_so_too(program):
    read, write = os.pipe()
    os.close(read)
    done = program("run-all", "no such file", err=write)
    os.close(write)

    assert 141 == done.code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_below_standard_output_is_no_bug(program):
    with Path("/dev/full").open("wb") as full:
        done = program("list-jobs", out=full)

    said = "Error: standard output: cannot be written: No space left on device [output.failed]\n"
    assert (5, said) == (done.code, done.err)


def test_nobody_has_to_listen(program, folder):
    """With neither output open a run does its work, and no file of it gets their numbers."""
    command = "exec pipeline run-all sample.txt <&- >&- 2>&-"

    assert 0 == subprocess.run(["bash", "-c", command], check=False).returncode
    assert (folder / "data/output/sample_processed.json").read_bytes().endswith(b"}\n")


def test_a_bug_is_said_in_a_line(buggy, program):
    done = program("--pipeline", "buggy.py:jobs", "list-jobs")

    assert (1, "", SAID) == (done.code, done.out, done.err)


def test_a_bug_is_in_the_document_too(buggy, program):
    done = program("--pipeline", "buggy.py:jobs", "run-all", "sample.txt", "--json")

    text = "RuntimeError: a\x1b[31m\nb; --log-level DEBUG shows where"
    error = {"job": None, "code": "internal.RuntimeError", "message": text, "retriable": False}
    document = {"success": False, "engine": None, "engine_reason": None, "error": error, "runs": []}
    assert (1, document, SAID) == (done.code, json.loads(done.out), done.err)


@pytest.mark.parametrize("level", [["--log-level", "debug"], ["--log-level=DEBUG"]], ids=" ".join)
def test_debug_shows_where_a_bug_is(buggy, program, level):
    done = program(*level, "--pipeline", "buggy.py:jobs", "list-jobs")

    assert 1 == done.code
    assert done.err.startswith("Traceback (most recent call last):\n")
    assert "\x1b" not in done.err
    assert 'buggy.py", line 2, in first\n' in done.err
    assert done.err.endswith(SAID)


def test_an_error_of_the_system_is_no_closed_output(program, folder):
    """Only what standard output itself may raise is taken for a failure of it."""
    (folder / "buggy.py").write_text("raise PermissionError(13, 'Permission denied', 'x')", encoding="utf-8")

    done = program("--pipeline", "buggy.py:jobs", "list-jobs")

    said = "PermissionError: [Errno 13] Permission denied: 'x'; --log-level DEBUG shows where"
    assert (1, f"Error: {said} [internal.PermissionError]\n") == (done.code, done.err)
