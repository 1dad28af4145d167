"""The loop over inputs and jobs, with an engine that only executes."""

import logging

import pytest

from pipeline_jobs import BaseJob, InputError, PipelineError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineConfig, PipelineDefinition, RunContext
from pipeline_orchestration.crossing import uri
from pipeline_orchestration.labels import label
from pipeline_orchestration.sequence import run_all


class Echo(BaseJob[object, object]):
    """Returns what it is given, and counts it."""

    def validate_input(self, value):
        return value

    def single_job(self, value):
        self.progress(1, 2, 3)
        self.counts["echoes"] += 1
        return value


def failing(error):
    return lambda _run: FailingJob(error)


@pytest.fixture
def run():
    """Run jobs, given by their factories, over inputs."""

    def ran(factories, inputs, progress=None):
        pipeline = PipelineDefinition("test")
        for name, factory in factories.items():
            pipeline.add_job(name, factory)
        context = RunContext(PipelineConfig.load(), "run", progress)
        return list(run_all(pipeline.between(), inputs, context, "test", execute))

    def execute(_spec, job, value, _name):
        return job.execute(value)

    return ran


def test_the_output_of_a_job_is_the_input_of_the_next(folder, run):
    (result,) = run({"one": lambda _: Echo(), "two": lambda _: Echo()}, [uri("x.txt")])

    assert (str(folder / "x.txt"), "test", folder / "x.txt") == (result.input, result.engine, result.output)
    assert [("one", {"echoes": 1}), ("two", {"echoes": 1})] == [(job.job, job.counts) for job in result.jobs]


def test_a_failure_ends_the_run(run):
    jobs = {"one": failing(InputError("input.odd", "it is odd")), "two": lambda _: Echo()}
    (result,) = run(jobs, ["7"])

    assert ["one"] == [job.job for job in result.jobs]
    assert ("input.odd", "it is odd") == (result.code, result.error)


@pytest.mark.parametrize("inputs", [["1", "2"], ["file:///one", "file:///two"]])
@pytest.mark.parametrize("code", ["input.odd", "input.unreachable", "batch.odd", "internal.Odd", "mine.odd"])
def test_a_failure_of_one_input_lets_the_others_go_on(run, code, inputs):
    results = run({"one": failing(PipelineError(code, "it is odd"))}, inputs)

    assert [code, code] == [result.code for result in results]


@pytest.mark.parametrize("code", ["output.odd", "database.odd", "corrupt.odd", "orchestration.odd"])
def test_a_failure_of_what_all_share_stops_the_rest(run, code):
    results = run({"one": failing(PipelineError(code, "it is odd"))}, ["1", "2", "3"])

    rest = ("orchestration.not_run", f"not run after 1 failed: {code}", ())
    assert [rest, rest] == [(result.code, result.error, result.jobs) for result in results[1:]]
    assert ["1", "2", "3"] == [result.input for result in results]


def test_a_store_that_is_away_stops_what_is_in_it_alone(run):
    """It takes half a minute to know that it is."""

    class Away(Echo):
        def single_job(self, value):
            if str(value).startswith("s3://a/"):
                raise InputError("input.unreachable", "it is away", retriable=True)
            return value

    inputs = ["s3://a/1", "s3://b/1", "s3://a/2", "file:///x", "7", "s3://a/3"]
    results = run({"one": lambda _: Away()}, inputs)

    rest = "not run after s3://a/1 failed: input.unreachable"
    assert [rest, rest] == [result.error for result in results if result.code == "orchestration.not_run"]
    assert ["s3://a/2", "s3://a/3"] == [
        result.input for result in results if result.code == "orchestration.not_run"
    ]
    assert [True, True, True] == [results[position].success for position in (1, 3, 4)]


@pytest.mark.parametrize("error", [PipelineError("input.odd", "no"), ZeroDivisionError("no")])
def test_a_factory_that_raises_is_a_result_of_its_job(run, error):
    """And nothing ran before: all jobs are built first."""
    worked = []

    class Working(Echo):
        def single_job(self, value):
            worked.append(value)

    def broken(_run):
        raise error

    (result,) = run({"one": lambda _: Working(), "two": broken}, ["7"])

    assert ([("two", error)], []) == ([(job.job, job.exception) for job in result.jobs], worked)


def test_a_factory_that_returns_no_job_is_a_result_of_its_job(run):
    (result,) = run({"one": lambda _: "job"}, ["7"])

    assert "TypeError: the factory of job 'one' returned 'job', no BaseJob" == result.error


def test_progress_names_the_job_and_the_input(run):
    told = []
    run({"one": lambda _: Echo()}, ["7"], lambda *progress: told.append(progress))

    assert [("one", "7", 1, 2, 3)] == told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("missing.txt", "missing.txt"),
        ("file:///data/a%0Ab%FF.txt", "/data/a\\nb\\xff.txt"),
        ("7", "7"),
        ("json:7", "7"),
        ('json:"a\\nb"', "a\\nb"),
        ("json:file:///out/.memory.json.1.tmp", "memory"),
    ],
)
def test_inputs_are_named_as_a_person_would(text, expected):
    assert expected == label(text)


def test_what_was_done_is_logged(caplog, run):
    caplog.set_level(logging.INFO, "pipeline_orchestration")
    run({"one": lambda _: Echo()}, ["7"])

    (line,) = caplog.messages
    assert line.startswith("one 7: 1 echoes in 0.0")


def test_where_a_bug_is_is_detail(caplog, run):
    """A person sees the message in the result, a developer the traceback at DEBUG."""
    caplog.set_level(logging.DEBUG, "pipeline_orchestration")
    run({"one": failing(ZeroDivisionError("no"))}, ["7"])

    (record,) = caplog.records
    assert (logging.DEBUG, "one 7 failed") == (record.levelno, record.message)
    assert ZeroDivisionError is record.exc_info[0]
