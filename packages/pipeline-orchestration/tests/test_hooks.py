"""Calls of hooks: their time, their order, and their results."""

import logging

import pytest

from pipeline_jobs import OutputError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineDefinition, UsageError, run_pipeline


@pytest.fixture
def calls():
    """The calls of hooks: the hook's kind and the result."""
    return []


@pytest.fixture
def pipeline(calls):
    """A job that fails for some inputs, with hooks that record their calls."""

    class Odd(FailingJob):
        def single_job(self, value):
            if value == "odd":
                raise ValueError(value)
            if value == "full":
                raise OutputError("output.no_space", "the disk is full")
            return value

    return PipelineDefinition(
        "hooked",
        on_completion=[lambda result: calls.append(("done", result))],
        on_failure=[lambda result: calls.append(("failed", result))],
    ).add_job("work", lambda _: Odd(ValueError()))


REFUSED = "https://me:password@host/x"


def test_hooks_are_called_once_for_each_result(runner, pipeline, calls):
    results = runner(pipeline=pipeline, log_level="OFF").run_many(["one", "odd", REFUSED, "two"])

    assert [("done", "one"), ("failed", "odd"), ("failed", "https://…"), ("done", "two")] == [
        (kind, result.input) for kind, result in calls
    ]
    assert all(returned is result for returned, (_, result) in zip(results, calls, strict=True))


def test_hooks_are_called_as_each_result_is_known(runner, pipeline, calls):
    """Before the next input begins: a run of hours tells its failures at once."""
    seen = []
    runner(pipeline=pipeline, log_level="OFF").run_many(
        ["one", "odd", "two"], finished=lambda result: seen.append((result.input, len(calls)))
    )

    assert [("one", 1), ("odd", 2), ("two", 3)] == seen


def test_hooks_are_called_for_skipped_inputs_too(runner, pipeline, calls):
    runner(pipeline=pipeline, log_level="OFF").run_many(["full", "two"])

    assert [("failed", "output.no_space"), ("failed", "orchestration.not_run")] == [
        (kind, result.code) for kind, result in calls
    ]


def test_a_usage_error_calls_no_hook(runner, pipeline, calls):
    with pytest.raises(UsageError):
        runner(pipeline=pipeline).run("one", "no such job")

    assert [] == calls


def test_a_hook_that_fails_is_logged_and_the_next_is_called(runner, pipeline, calls, caplog):
    def broken(result):
        raise LookupError(result.input)

    caplog.set_level(logging.INFO, "pipeline_orchestration.hooks")
    pipeline.on_completion = (broken, *pipeline.on_completion)

    result = runner(pipeline=pipeline).run("one")

    assert result.success
    assert [("done", result)] == calls
    name = f"{test_a_hook_that_fails_is_logged_and_the_next_is_called.__name__}.<locals>.broken"
    assert [f"hook {name} failed: LookupError: one"] == [
        record.getMessage() for record in caplog.records if record.name.endswith("hooks")
    ]


def test_an_interrupt_of_a_hook_passes_through(runner, pipeline):
    def interrupted(_result):
        raise KeyboardInterrupt

    pipeline.on_completion = (interrupted,)

    with pytest.raises(KeyboardInterrupt):
        runner(pipeline=pipeline).run("one")


DEPLOYED = """
from pathlib import Path
from pipeline_jobs import OutputError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineDefinition

def record(result):
    with Path("calls").open("a") as file:
        print(result.input, result.run_id, file=file)

pipeline = PipelineDefinition("deployed", on_completion=[record])
pipeline.add_job("work", lambda _: FailingJob(ValueError(), 0))
"""


@pytest.mark.usefixtures("prefect_server")
def test_a_deployed_flow_calls_the_hooks_in_its_own_process(folder):
    (folder / "deployed.py").write_text(DEPLOYED)

    state = run_pipeline("deployed.py:pipeline", ["one"], return_state=True)

    assert f"one {state.state_details.flow_run_id}\n" == (folder / "calls").read_text()
