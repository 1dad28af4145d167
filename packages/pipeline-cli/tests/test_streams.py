"""Standard output: one JSON document with `--json`, and what jobs print where it belongs."""

import json
import os
import subprocess
import sys

import pytest

LOUD = """
import ctypes
import os
import subprocess
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

print("at import")

class Loud(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        print("by print")
        subprocess.run(["echo", "by a subprocess"])
        os.write(1, b"by the descriptor\\n")
        ctypes.CDLL(None).puts(b"by C")
        print("the last words", end="")

loud = PipelineDefinition("loud").add_job("A", lambda run: Loud())
"""
PRINTED = ["at import", "by print", "by a subprocess", "by the descriptor", "by C", "the last words"]
WAYS = [[], ["--concurrency", "2"]]


@pytest.fixture
def loud(folder):
    """A pipeline whose job prints in every way; the option that names it."""
    (folder / "loud.py").write_text(LOUD, encoding="utf-8")
    (folder / "other.txt").touch()
    return ["--log-level", "OFF", "--pipeline", "loud.py:loud", "run-all", "sample.txt", "other.txt"]


@pytest.mark.parametrize("way", WAYS, ids=["in turn", "two at a time"])
def test_with_json_what_jobs_print_goes_to_standard_error(loud, program, way):
    done = program(*loud, *way, "--json")

    assert (0, True) == (done.code, done.document["success"])
    assert [] == [text for text in PRINTED if text in done.out]
    assert [] == [text for text in PRINTED if text not in done.err]


@pytest.mark.parametrize("way", WAYS, ids=["in turn", "two at a time"])
def test_without_json_it_goes_to_standard_output(loud, program, way):
    """What C has buffered comes when C writes it, perhaps after our last line."""
    done = program(*loud, *way)

    assert (0, "") == (done.code, done.err)
    assert [] == [text for text in PRINTED if text not in done.out]
    assert "\n2 inputs: 2 done, 0 failed\n" in done.out


def test_the_table_begins_on_a_line_of_its_own(loud, program):
    done = program(*loud)

    assert "the last words\n  batch     records   seconds\n" in done.out


def test_a_failure_with_json_is_one_document_too(loud, program, folder):
    (folder / "loud.py").write_text(f"{LOUD}\nraise ValueError('x')", encoding="utf-8")

    done = program(*loud, "--json")

    assert (2, "usage.pipeline") == (done.code, done.document["error"]["code"])
    assert done.err.startswith("at import\nError: ")


def test_the_same_within_one_process(loud, pipeline):
    """As tests run the command, whose standard output has no descriptor."""
    for _ in range(2):
        done = pipeline(*loud, "--json")

        assert done.document["success"]
        assert "by print\n" in done.err


def test_doctor_with_json_is_one_document(program):
    assert program("doctor", "--json").document["success"]


BAR = """
import sys
import time
from rich.progress import BarColumn
from pipeline_cli.progress_bar import Bar

bar = Bar(BarColumn(), total=2)
print("printed by a job")
time.sleep(0.6)
bar.close()
print("the end")
"""


def test_what_a_job_prints_stands_above_the_bar(terminal):
    code, received = terminal(sys.executable, "-c", BAR)

    assert 0 == code
    assert "printed by a job\r\n" in received
    assert received.endswith("the end\r\n")


def test_a_bar_does_not_take_what_belongs_into_a_file(terminal, folder):
    code, received = terminal("sh", "-c", f"{sys.executable} -c '{BAR}' > printed")

    assert 0 == code
    assert "printed by a job" not in received
    assert "printed by a job\nthe end\n" == (folder / "printed").read_text()


def test_a_background_process_of_a_job_does_not_write_into_the_document(folder, program):
    """It holds the descriptor that it was started with, which is standard error."""
    code = LOUD.replace('["echo", "by a subprocess"]', '["sh", "-c", "(sleep 0.5; echo late) &"]')
    (folder / "loud.py").write_text(code, encoding="utf-8")
    command = ["pipeline", "--pipeline", "loud.py:loud", "run-all", "sample.txt", "--json"]

    done = subprocess.run(command, capture_output=True, check=False, text=True)

    assert json.loads(done.stdout)["success"]
    assert done.stderr.endswith("late\n")


OWN_STREAM = """
import io
import sys
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Own(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        STATEMENT
        print("by print")

own = PipelineDefinition("own").add_job("A", lambda run: Own())
"""
WRAPPED = "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')"
STATEMENTS = [
    WRAPPED,
    "sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding='utf-8')",
    "sys.stderr = io.TextIOWrapper(sys.stderr.buffer); print('by print', file=sys.stderr)",
    "sys.stdout.close()",
    "sys.stdout = sys.stderr = None",
    "sys.stdout = open('elsewhere', 'w')",
    "sys.stdout = object.__new__(type('Odd', (), {'write': lambda self, text: None}))",
]


@pytest.fixture
def own_stream(folder):
    """A function that writes a pipeline whose job executes a statement; it returns the words of a run."""

    def write(statement):
        (folder / "own.py").write_text(OWN_STREAM.replace("STATEMENT", statement), encoding="utf-8")
        return ["--log-level", "OFF", "--pipeline", "own.py:own", "run-all", "one", "two"]

    return write


@pytest.mark.parametrize("statement", STATEMENTS)
def test_results_are_printed_whatever_a_job_does_to_standard_output(own_stream, program, statement):
    done = program(*own_stream(statement))

    assert (0, True) == (done.code, done.out.endswith("2 inputs: 2 done, 0 failed\n"))
    assert "by print\n" * 2 == done.err if "sys.stderr.buffer" in statement else done.err == ""


@pytest.mark.parametrize(
    ("statement", "way"), [*((each, WAYS[0]) for each in STATEMENTS), (WRAPPED, WAYS[1])]
)
def test_with_json_they_are_one_document(own_stream, program, statement, way):
    done = program(*own_stream(statement), *way, "--json")

    assert (0, True) == (done.code, done.document["success"])


def test_what_a_job_prints_by_a_wrapper_of_its_own_stands_before_the_results(own_stream, program):
    done = program(*own_stream(WRAPPED))

    assert done.out.startswith("by print\nby print\n  batch     records   seconds\n")


def test_a_definition_that_wraps_standard_output_is_listed(own_stream, folder, program):
    own_stream("pass")
    (folder / "own.py").write_text(f"{OWN_STREAM}\n{WRAPPED}\nprint('at import')", encoding="utf-8")

    done = program("--pipeline", "own.py:own", "list-jobs")

    assert (0, "at import\nAvailable jobs:\n  1. A\n", "") == (done.code, done.out, done.err)


@pytest.mark.parametrize("way", WAYS, ids=["in turn", "two at a time"])
def test_with_pythonunbuffered_each_piece_is_written_at_once(own_stream, way):
    """In the order in which it is printed, although both streams are one pipe."""
    words = own_stream("print('a', end=''); print('b', file=sys.stderr); sys.stdout.write('c')")
    done = subprocess.run(
        ["pipeline", *words[:-1], *way],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )

    assert done.stdout.startswith("ab\ncby print\none\n")


def test_standard_error_is_written_line_by_line(start_program, own_stream):
    """Also with PYTHONUNBUFFERED, and although the job goes on for a while."""
    words = own_stream("print('b', file=sys.stderr); open('reached', 'w'); import time; time.sleep(60)")
    process = start_program("env", "PYTHONUNBUFFERED=1", "pipeline", *words)

    assert b"b\n" == process.stderr.readline()
    process.kill()
