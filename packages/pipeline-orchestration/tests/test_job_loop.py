"""The loop over the jobs of an input, and failures that concern other inputs too."""

import logging
import re
import traceback
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline_jobs import BaseJob, InputError, PipelineError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineConfig, PipelineDefinition
from pipeline_orchestration.execution.job_loop import JobLoop
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.inputs import RunInput


class Echo(BaseJob[object, object]):
    """Returns its input, and counts it."""

    def validate_input(self, value):
        return value

    def single_job(self, value):
        self.progress(1, 2, 3)
        self.counts["echoes"] += 1
        return value


def fail(error):
    """Return the factory of a job that fails."""
    return lambda _run: FailingJob(error)


@pytest.fixture
def run():
    """A function that runs jobs, given by their factories, over inputs."""

    def run_inputs(factories, inputs, progress=None):
        pipeline = PipelineDefinition("test")
        for name, factory in factories.items():
            pipeline.add_job(name, factory)
        spec = RunSpec(pipeline=pipeline, config=PipelineConfig.load(), run_id="run")
        loop = JobLoop(spec, pipeline.select_jobs(), progress)
        return loop.run_group(RunInput.parse(each) for each in inputs)

    return run_inputs


def test_the_output_of_a_job_is_the_input_of_the_next(folder, run):
    (result,) = run({"one": lambda _: Echo(), "two": lambda _: Echo()}, [Path("x.txt")])

    assert ("x.txt", "local", folder / "x.txt") == (result.input, result.engine, result.output)
    assert [("one", {"echoes": 1}), ("two", {"echoes": 1})] == [(job.job, job.counts) for job in result.jobs]


class Telling(Echo):
    """Says of its progress what it is given."""

    def single_job(self, value):
        self.progress(*value)


@pytest.mark.parametrize(
    "wrong",
    [
        *((1, 100, None), ("1", 100, 3), (float("nan"), 100, 3), (1, float("inf"), 3), (-1, 100, 3)),
        *((10**5000, 10**5000, 3), ([1], 100, 3), (1, 100, b"3"), (1j, 100, 3), (Decimal("nan"), 100, 3)),
    ],
    ids=lambda value: " ".join(type(each).__name__ for each in value),
)
def test_progress_that_is_no_number_is_ignored_and_fails_no_job(run, wrong):
    calls = []

    (result,) = run({"one": lambda _: Telling()}, [wrong], lambda *progress: calls.append(progress))

    assert result.success
    assert [("one", "memory", 0, 0, 0)] == calls


@pytest.mark.parametrize("numbers", [(1, 100, 3), (0.5, 1.0, 3), (True, 2, 3)])
def test_progress_may_count_anything(run, numbers):
    calls = []

    run({"one": lambda _: Telling()}, [numbers], lambda *progress: calls.append(progress))

    assert [("one", "memory", 0, 0, 0), ("one", "memory", *numbers)] == calls


def test_a_failure_ends_the_jobs_of_its_input(run):
    jobs = {"one": fail(InputError("input.odd", "it is odd")), "two": lambda _: Echo()}
    (result,) = run(jobs, ["7"])

    assert ["one"] == [job.job for job in result.jobs]
    assert ("input.odd", "it is odd") == (result.code, result.error)


@pytest.mark.parametrize("inputs", [["1", "2"], ["file:///one", "file:///two"]])
@pytest.mark.parametrize("code", ["input.odd", "input.unreachable", "batch.odd", "internal.Odd", "mine.odd"])
def test_a_failure_of_one_input_does_not_stop_the_others(run, code, inputs):
    results = run({"one": fail(PipelineError(code, "it is odd"))}, inputs)

    assert [code, code] == [result.code for result in results]


@pytest.mark.parametrize("code", ["output.odd", "database.odd", "corrupt.odd", "orchestration.odd"])
def test_a_failure_that_concerns_all_inputs_skips_the_rest(run, code):
    results = run({"one": fail(PipelineError(code, "it is odd"))}, ["1", "2", "3"])

    skipped = ("orchestration.not_run", f"not run after 1 failed: {code}", ())
    assert [skipped, skipped] == [(result.code, result.error, result.jobs) for result in results[1:]]
    assert ["1", "2", "3"] == [result.input for result in results]


def test_an_unreachable_store_skips_only_its_own_inputs(run):
    """It takes half a minute to find out that a store is unreachable."""

    class Unreachable(Echo):
        def single_job(self, value):
            if str(value).startswith("s3://a/"):
                raise InputError("input.unreachable", "no answer", retriable=True)
            return value

    inputs = ["s3://a/1", "s3://b/1", "s3://a/2", "file:///x", "7", "s3://a/3"]
    results = run({"one": lambda _: Unreachable()}, inputs)

    skipped = "not run after s3://a/1 failed: input.unreachable"
    assert [skipped, skipped] == [
        result.error for result in results if result.code == "orchestration.not_run"
    ]
    assert ["s3://a/2", "s3://a/3"] == [
        result.input for result in results if result.code == "orchestration.not_run"
    ]
    assert [True, True, True] == [results[position].success for position in (1, 3, 4)]


@pytest.mark.parametrize("error", [PipelineError("input.odd", "no"), ZeroDivisionError("no")])
def test_a_factory_that_raises_is_a_failure_of_its_job(run, error):
    """No job has run before, as all jobs are built first."""
    values = []

    class Recording(Echo):
        def single_job(self, value):
            values.append(value)

    def broken(_run):
        raise error

    (result,) = run({"one": lambda _: Recording(), "two": broken}, ["7"])

    assert ([("two", error)], []) == ([(job.job, job.exception) for job in result.jobs], values)


def test_a_factory_that_returns_no_job_is_a_failure_of_its_job(run):
    (result,) = run({"one": lambda _: "job"}, ["7"])

    assert "TypeError: the factory of job 'one' returned 'job', expected a BaseJob" == result.error


def test_jobs_get_the_very_object_that_was_given(run):
    """Within a process, nothing is converted to text or JSON."""
    value = {1: {"a", "b"}, "1": ("tuple",)}

    (result,) = run({"one": lambda _: Echo(), "two": lambda _: Echo()}, [value])

    assert value is result.output


def test_a_refused_input_reaches_no_job(run):
    (result,) = run({"one": lambda _: Echo(), "two": lambda _: Echo()}, ["https://me:secret@host/x"])

    assert [("one", "input.url")] == [(job.job, job.code) for job in result.jobs]


def test_progress_names_the_job_and_the_input(run):
    calls = []
    run({"one": lambda _: Echo()}, ["7"], lambda *progress: calls.append(progress))

    assert [("one", "7", 0, 0, 0), ("one", "7", 1, 2, 3)] == calls  # the job begins; what it tells


def test_counts_and_time_of_a_job_are_logged(caplog, run):
    caplog.set_level(logging.INFO, "pipeline_orchestration")
    run({"one": lambda _: Echo()}, ["7"])

    (line,) = caplog.messages
    assert re.fullmatch(r"one 7: 1 echoes in \d+\.\d{3} s", line)


def test_several_inputs_have_one_line_each(caplog):
    """What each job did is there at DEBUG; lines of a hundred inputs nobody reads."""
    caplog.set_level(logging.INFO, "pipeline_orchestration")
    definition = PipelineDefinition("mine").add_job("one", lambda _: Echo())
    definition.add_job("two", lambda _: Buggy(InputError("input.odd", "no")))
    for count in (2, 101):
        spec = RunSpec(pipeline=definition, config=PipelineConfig(), input_count=count)
        JobLoop(spec, definition.select_jobs("one", "one")).run(RunInput.parse("7"))
        JobLoop(spec, definition.select_jobs(None, None)).run(RunInput.parse("8"))

    lines = [line.partition(" in ")[0] for line in caplog.messages]
    assert ["7: 1 echoes", "8: two failed with input.odd"] == lines


class Buggy(Echo):
    """Has a bug, and may have another one each time."""

    def __init__(self, error=None):
        self.error = error

    def single_job(self, value):
        return self.divide(value)

    def divide(self, value):
        if self.error:
            raise self.error
        return 1 / 0


def test_a_bug_is_logged_with_its_line(caplog, run):
    """The traceback begins in the job: what is above it helps nobody."""
    caplog.set_level(logging.INFO, "pipeline_orchestration")
    run({"one": lambda _: Buggy()}, ["7"])

    (record,) = caplog.records
    assert (logging.ERROR, "one 7 failed") == (record.levelno, record.message)
    frames = traceback.extract_tb(record.exc_info[2])
    assert ["single_job", "divide"] == [frame.name for frame in frames]
    assert "return 1 / 0" == frames[-1].line


def test_a_bug_that_was_logged_is_logged_again_only_at_debug(caplog, run):
    caplog.set_level(logging.DEBUG, "pipeline_orchestration")
    jobs = iter([Buggy(), Buggy(), Buggy(ValueError("odd"))])
    run({"one": lambda _: next(jobs)}, ["1", "2", "3"])

    levels = [logging.ERROR, logging.DEBUG, logging.ERROR]
    assert levels == [record.levelno for record in caplog.records]


def test_a_bug_of_a_factory_is_logged_with_its_line(caplog, run):
    def build(_run):
        return 1 / 0

    caplog.set_level(logging.INFO, "pipeline_orchestration")
    run({"one": build}, ["7"])

    (record,) = caplog.records
    assert ["build"] == [frame.name for frame in traceback.extract_tb(record.exc_info[2])]


@pytest.mark.parametrize(
    "error", [InputError("input.odd", "no"), PipelineError("internal.odd", "no"), MemoryError()]
)
def test_a_documented_error_has_no_traceback(caplog, run, error):
    caplog.set_level(logging.INFO, "pipeline_orchestration")
    run({"one": lambda _: Buggy(error)}, ["7"])

    assert [] == caplog.messages


def test_at_debug_the_line_of_an_exit_is_logged(caplog, run):
    caplog.set_level(logging.DEBUG, "pipeline_orchestration")
    run({"one": lambda _: Buggy(SystemExit(0))}, ["7"])

    (record,) = caplog.records
    assert ["single_job", "divide"] == [frame.name for frame in traceback.extract_tb(record.exc_info[2])]
    assert logging.DEBUG == record.levelno
