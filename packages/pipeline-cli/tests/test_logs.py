"""Log lines: on standard error, as many as asked for, and never in place of a failure's message."""

import logging
import re

import pytest

from pipeline_cli.logs import logging_to_stderr
from pipeline_orchestration import LogLevel

OWN = """
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Buggy(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        raise ValueError(value)

pipeline = PipelineDefinition("own").add_job("buggy", lambda run: Buggy())
"""
FAILURE = "Error: A none.txt: {folder}/none.txt: no such file [input.missing]\n"


def test_info_tells_the_engine_and_each_job(pipeline, folder):
    done = pipeline("run-all", "sample.txt")

    assert (
        "INFO engine local: no Prefect API is configured\n"
        f"INFO A {folder}/sample.txt: 3 lines, 3 records, 0 blank in #.### s\n"
        f"INFO B {folder}/sample.txt: 3 records in #.### s\n"
        f"INFO C {folder}/sample.txt: 3 records in #.### s\n"
    ) == done.err


def test_debug_adds_time_and_logger(pipeline, folder):
    done = pipeline("--log-level", "DEBUG", "run", "sample.txt", "--stop-after", "A")

    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    job = "INFO pipeline_orchestration.sequence: A"
    assert (
        "INFO pipeline_orchestration.engines: engine local: no Prefect API is configured\n"
        f"{job} {folder}/sample.txt: 3 lines, 3 records, 0 blank in #.### s\n"
    ) == re.sub(rf"^{moment} ", "", done.err, flags=re.MULTILINE)


@pytest.mark.parametrize("level", ["WARNING", "ERROR", "CRITICAL", "OFF"])
def test_less_says_nothing_of_a_run_that_goes_well(pipeline, level):
    assert "" == pipeline("--log-level", level, "run-all", "sample.txt").err


@pytest.mark.parametrize("level", ["INFO", "WARNING", "OFF"])
def test_a_failure_is_said_at_every_level(pipeline, folder, level):
    """It is no log line, and OFF does not silence it."""
    done = pipeline("--log-level", level, "--engine", "local", "run-all", "none.txt")

    logged = "INFO engine local: asked for\n" if level == "INFO" else ""
    assert logged + FAILURE.format(folder=folder) == done.err


def test_the_traceback_of_a_bug_in_a_job_is_shown_at_debug_only(pipeline, folder):
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    options = ["--engine", "local", "--pipeline", "own.py:pipeline"]
    failure = "Error: buggy x: ValueError: x [internal.ValueError]\n"

    done = pipeline(*options, "run", "x")
    assert (1, f"INFO engine local: asked for\n{failure}") == (done.code, done.err)

    done = pipeline("--log-level", "DEBUG", *options, "run", "x")
    assert done.err.count("Traceback") == 1
    assert done.err.endswith(f"\nValueError: x\n{failure}")


def test_what_does_not_print_is_escaped(capsys):
    """In a message and in an error, whose own lines stay."""
    logger = logging.getLogger("pipeline_jobs")

    with logging_to_stderr(LogLevel.INFO):
        logger.error("of %s", "a\nb\x9b", exc_info=ValueError("\x1b[31mred"))

    assert "ERROR of a\\nb\\x9b\nValueError: \\x1b[31mred\n" == capsys.readouterr().err


def test_loggers_are_left_as_they_were(capsys):
    """Within the block our lines reach standard error alone, after it whatever was set up before."""
    logger = logging.getLogger("pipeline_jobs")
    before = logger.handlers[:], logger.propagate

    with logging_to_stderr(LogLevel.INFO):
        logging.getLogger("pipeline_jobs.reading").warning("half a %s", "line")
        assert not logger.propagate

    assert before == (logger.handlers, logger.propagate)
    assert ("", "WARNING half a line\n") == tuple(capsys.readouterr())
