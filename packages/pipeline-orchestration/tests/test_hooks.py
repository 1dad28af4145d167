"""Who is told of a run, and when."""

import logging

import pytest

from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineDefinition, UsageError, run_pipeline


@pytest.fixture
def told():
    """What hooks were called with."""
    return []


@pytest.fixture
def pipeline(told):
    """A job that fails for one input, with hooks that tell of it."""

    class Odd(FailingJob):
        def single_job(self, value):
            if value == "odd":
                raise ValueError(value)
            return value

    return PipelineDefinition(
        "hooked",
        on_completion=[lambda result: told.append(("done", result))],
        on_failure=[lambda result: told.append(("failed", result))],
    ).add_job("work", lambda _: Odd(ValueError()))


def test_each_result_is_told_once_in_order_when_all_are_done(runner, pipeline, told):
    results = runner(pipeline=pipeline, log_level="OFF").run_many(["one", "odd", {1}, "two"])

    assert [("done", "one"), ("failed", "odd"), ("failed", "memory"), ("done", "two")] == [
        (what, result.input) for what, result in told
    ]
    assert all(mine is theirs for mine, (_, theirs) in zip(results, told, strict=True))


def test_so_is_what_was_not_run(runner, pipeline, told, folder):
    (folder / "out").touch()
    runner(pipeline=pipeline, log_level="OFF").run_many([["memory"], "two"])

    assert [("failed", "output.not_a_folder"), ("failed", "orchestration.not_run")] == [
        (what, result.code) for what, result in told
    ]


def test_misuse_is_told_to_its_caller_alone(runner, pipeline, told):
    with pytest.raises(UsageError):
        runner(pipeline=pipeline).run("one", "no such job")

    assert [] == told


def test_a_hook_that_fails_is_logged_and_the_next_is_called(runner, pipeline, told, caplog):
    def broken(result):
        raise LookupError(result.input)

    caplog.set_level(logging.INFO, "pipeline_orchestration.hooks")
    pipeline.on_completion = (broken, *pipeline.on_completion)

    result = runner(pipeline=pipeline).run("one")

    assert result.success
    assert [("done", result)] == told
    name = f"{test_a_hook_that_fails_is_logged_and_the_next_is_called.__name__}.<locals>.broken"
    assert [f"hook {name} failed: LookupError: one"] == [
        record.getMessage() for record in caplog.records if record.name.endswith("hooks")
    ]


def test_what_is_no_exception_passes_through(runner, pipeline):
    def interrupted(_result):
        raise KeyboardInterrupt

    pipeline.on_completion = (interrupted,)

    with pytest.raises(KeyboardInterrupt):
        runner(pipeline=pipeline).run("one")


DEPLOYED = """
from pathlib import Path
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineDefinition

def told(result):
    with Path("told").open("a") as file:
        print(result.input, result.run_id, file=file)

pipeline = PipelineDefinition("deployed", on_completion=[told])
pipeline.add_job("work", lambda _: FailingJob(ValueError(), 0))
"""


@pytest.mark.usefixtures("prefect_server")
def test_a_flow_that_nobody_called_tells_where_it_runs(folder):
    (folder / "deployed.py").write_text(DEPLOYED)

    state = run_pipeline("deployed.py:pipeline", ["one"], return_state=True)

    assert f"one {state.state_details.flow_run_id}\n" == (folder / "told").read_text()
