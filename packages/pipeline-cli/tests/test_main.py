"""Edge of the process: closed outputs and unexpected errors become exit codes and messages."""

import json
import os
import subprocess
from pathlib import Path

import pytest

BUGGY = """
from pipeline_orchestration import PipelineDefinition

class Buggy(PipelineDefinition):
    @property
    def names(self): raise RuntimeError("a\\x1b[31m\\nb")

    def select_jobs(self, *_):
        return self.names

jobs = Buggy("buggy")
"""
MESSAGE = "Error: RuntimeError: a\\x1b[31m\\nb; --log-level DEBUG shows where [internal.RuntimeError]\n"


@pytest.fixture
def buggy(folder):
    """A pipeline that raises where nothing expects it."""
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
def test_a_closed_standard_output_exits_with_141(program, arguments):
    """As under `| head -0`: no traceback, and the run is done."""
    read, write = os.pipe()
    os.close(read)
    done = program("--log-level", "OFF", *arguments, out=write)
    os.close(write)

    assert 141 == done.code
    assert "Traceback" not in done.err
    assert ("sample.txt" in arguments) == Path("data/pipeline.db").exists()


def test_a_closed_standard_error_exits_with_141(program):
    read, write = os.pipe()
    os.close(read)
    done = program("run-all", "no such file", err=write)
    os.close(write)

    assert 141 == done.code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_standard_output_is_an_output_error(program):
    with Path("/dev/full").open("wb") as full:
        done = program("list-jobs", out=full)

    message = "Error: standard output: cannot be written: No space left on device [output.failed]\n"
    assert (5, message) == (done.code, done.err)


def test_a_run_needs_no_open_stream(program, folder):
    """With all streams closed the run does its work, and no file of it gets the number of a stream."""
    command = "exec pipeline run-all sample.txt <&- >&- 2>&-"

    assert 0 == subprocess.run(["bash", "-c", command], check=False).returncode
    assert (folder / "data/output/sample_processed.json").read_bytes().endswith(b"}\n")


def test_an_unexpected_error_is_one_line(buggy, program):
    done = program("--pipeline", "buggy.py:jobs", "list-jobs")

    assert (1, "", MESSAGE) == (done.code, done.out, done.err)


def test_an_unexpected_error_with_json_is_a_document(buggy, program):
    done = program("--pipeline", "buggy.py:jobs", "run-all", "sample.txt", "--json")

    text = "RuntimeError: a\x1b[31m\nb; --log-level DEBUG shows where"
    error = {"job": None, "code": "internal.RuntimeError", "message": text, "retriable": False}
    document = {"success": False, "engine": None, "engine_reason": None, "error": error, "runs": []}
    assert (1, document, MESSAGE) == (done.code, json.loads(done.out), done.err)


@pytest.mark.parametrize("level", [["--log-level", "debug"], ["--log-level=DEBUG"]], ids=" ".join)
def test_debug_shows_the_traceback_of_an_unexpected_error(buggy, program, level):
    done = program(*level, "--pipeline", "buggy.py:jobs", "list-jobs")

    assert 1 == done.code
    assert done.err.startswith("Traceback (most recent call last):\n")
    assert "\x1b" not in done.err
    assert 'buggy.py", line 6, in names\n' in done.err
    assert done.err.endswith(MESSAGE)


@pytest.mark.parametrize("error", ["OSError(28, 'x')", "BrokenPipeError(32, 'x')", "TimeoutError('x')"])
def test_an_os_error_of_somebody_else_is_not_taken_for_that_of_an_output(program, folder, error):
    """Only a failed write to our own streams is one, whatever the type of an error."""
    raising = BUGGY.replace('RuntimeError("a\\x1b[31m\\nb")', error)
    (folder / "buggy.py").write_text(raising, encoding="utf-8")

    done = program("--pipeline", "buggy.py:jobs", "list-jobs")

    kind = error.partition("(")[0]
    assert (1, "") == (done.code, done.out)
    assert done.err.startswith(f"Error: {kind}: ")
    assert done.err.endswith(f"x; --log-level DEBUG shows where [internal.{kind}]\n")


@pytest.mark.parametrize("json", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("error", ["BrokenPipeError(32, 'x')", "SystemExit(0)", "SystemExit(143)"])
@pytest.mark.parametrize("command", [["list-jobs"], ["run-all", "sample.txt"]], ids=" ".join)
def test_what_a_definition_raises_at_its_import_is_a_usage_error(program, folder, command, error, json):
    (folder / "buggy.py").write_text(f"\nraise {error}\n", encoding="utf-8")

    done = program("--pipeline", "buggy.py:jobs", *command, *(json if command[0] != "list-jobs" else []))

    assert 2 == done.code
    assert done.err.startswith(f"Error: {folder}/buggy.py, line 2: {error.partition('(')[0]}: ")
    assert done.err.endswith(" [usage.pipeline]\n")


def test_a_signal_during_the_import_of_a_definition_ends_the_command(folder, start_program):
    """It is no failure of the definition, although it ends the import by an exception."""
    code = "import time\nopen('reached', 'w').close()\ntime.sleep(60)\n"
    (folder / "slow.py").write_text(code, encoding="utf-8")
    process = start_program("pipeline", "--pipeline", "slow.py:jobs", "list-jobs")

    process.terminate()

    assert (b"", b"") == process.communicate()
    assert 143 == process.returncode
