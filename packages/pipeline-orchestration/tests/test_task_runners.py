"""Several inputs on Prefect with each of its task runners: the same results, each batch loaded once."""

import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline_jobs import BaseJob, InputError, OutputError
from pipeline_orchestration import PipelineDefinition, PipelineRunner, run_pipeline
from pipeline_orchestration.inputs import to_uri
from pipeline_orchestration.settings.config import PipelineConfig, TaskRunnerName

# Dask and Ray are extras; tests-integration tests them.
RUNNERS = [None, "threads", "processes"]
KILLER = """
import os, time
from pathlib import Path
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Kill(BaseJob[object, object]):
    def validate_input(self, value):
        return str(value)

    def single_job(self, value):
        with open("ran", "a") as file:
            print(value, file=file)
        if value == "always" or (value == "once" and not Path("killed").exists()):
            Path("killed").touch()
            os.kill(os.getpid(), 9)
        return value

pipeline = PipelineDefinition("killer").add_job("kill", lambda run: Kill())
"""

LOCKS = """
import stat
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Look(BaseJob[object, object]):
    def __init__(self, lock):
        self.lock = lock

    def validate_input(self, value):
        return value

    def single_job(self, value):
        return str(self.lock), oct(stat.S_IMODE(self.lock.parent.stat().st_mode))

pipeline = PipelineDefinition("locks").add_job("look", lambda run: Look(run.write_lock))
"""


@pytest.fixture
def runner(prefect_server, folder):
    """A function that makes runners on Prefect, with a concurrency of 2."""

    def make(**settings):
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF", "concurrency": 2} | settings
        return PipelineRunner(engine="prefect", **settings)

    return make


def make_files(count):
    """Write so many files of one line each, and return their paths."""
    for number in range(count):
        Path(f"{number}.txt").write_text(f"{number}\n")
    return [Path(f"{number}.txt") for number in range(count)]


@pytest.mark.parametrize("task_runner", RUNNERS)
def test_every_input_has_its_own_result_in_order(runner, folder, ask, task_runner):
    """Also if one fails, and if another process runs them."""
    inputs = [*make_files(5), Path("missing.txt")]
    finished = []

    results = runner(task_runner=task_runner, busy_timeout=0).run_many(inputs, finished=finished.append)

    assert [*[None] * 5, "input.missing"] == [result.code for result in results]
    assert list(map(str, inputs)) == [result.input for result in results]
    assert ["A", "B", "C"] == [job.job for job in results[4].jobs]
    assert 6 == len(finished)
    assert [("0",), ("1",), ("2",), ("3",), ("4",)] == ask(
        "p.db", "SELECT content FROM finalized_records ORDER BY 1"
    )


@pytest.mark.parametrize("task_runner", [None, "processes"])
def test_many_inputs_are_grouped_into_few_task_runs(runner, folder, ask, task_runner):
    """A task run for each job of each input would be slow, and too much for a person to read."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters

    results = runner(task_runner=task_runner, busy_timeout=0).run_many(make_files(240))

    assert {None} == {result.code for result in results}
    assert [(240, 240)] == ask("p.db", "SELECT count(DISTINCT content), count(*) FROM finalized_records")
    named = filters.FlowRunFilter(name=filters.FlowRunFilterName(any_=["0.txt and 239 more"]))
    with get_client(sync_client=True) as client:
        for _ in range(600):
            found = client.read_task_runs(flow_run_filter=named)
            if len(found) >= 8:
                break
            time.sleep(0.1)
        client.delete_flow_run(client.read_flow_runs(flow_run_filter=named)[0].id)
    assert "0.txt and 29 more" in {each.name for each in found}
    assert 8 == len(found)


@pytest.mark.parametrize("count", [3, 150])
def test_without_concurrency_inputs_run_in_turn(runner, folder, ask, count):
    results = runner(concurrency=1).run_many([*make_files(count), "missing.txt"])

    assert [*[None] * count, "input.missing"] == [result.code for result in results]
    assert [(count,)] == ask("p.db", "SELECT count(*) FROM finalized_records")


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_failure_that_concerns_all_inputs_skips_the_rest(runner, folder, concurrency):
    class Full(BaseJob[object, object]):
        def validate_input(self, value):
            return value

        def single_job(self, value):
            raise OutputError("output.no_space", "the disk is full")

    pipeline = PipelineDefinition("full").add_job("full", lambda _: Full())

    results = runner(pipeline=pipeline, concurrency=concurrency).run_many(list(map(str, range(300))))

    codes = [result.code for result in results]
    assert "output.no_space" == codes[0]
    assert 250 < codes.count("orchestration.not_run")


@pytest.mark.parametrize("concurrency", [1, 2])
def test_an_unreachable_store_skips_only_its_own_inputs(runner, folder, concurrency):
    class Unreachable(BaseJob[object, object]):
        def validate_input(self, value):
            return value

        def single_job(self, value):
            if "://" in str(value):
                raise InputError("input.unreachable", "no answer")
            return value

    pipeline = PipelineDefinition("remote").add_job("read", lambda _: Unreachable())

    results = runner(pipeline=pipeline, concurrency=concurrency).run_many(
        [*(f"memory://down/{number}" for number in range(300)), "7"]
    )

    codes = [result.code for result in results]
    assert ("input.unreachable", None) == (codes[0], codes[-1])
    assert 250 < codes.count("orchestration.not_run")


def test_a_lost_worker_is_replaced(runner, folder):
    """The inputs of its group are run again; one that is lost twice fails, and the others go on."""
    (folder / "killer.py").write_text(KILLER)

    results = runner(pipeline="killer.py:pipeline", task_runner="processes").run_many(
        ["one", "once", "always", "two"]
    )

    assert [None, None, "orchestration.worker_lost", None] == [result.code for result in results]
    assert results[2].last.retriable


@pytest.mark.parametrize("task_runner", ["threads", "processes"])
def test_writers_queue_in_a_folder_that_only_their_user_can_enter(runner, folder, task_runner):
    """Anybody could make, or lock, a file in the folder for temporary files whose name can be guessed."""
    (folder / "locks.py").write_text(LOCKS)

    results = runner(pipeline="locks.py:pipeline", task_runner=task_runner).run_many(["one", "two"])

    (output,) = {result.output for result in results}
    lock, mode = output
    assert "0o700" == mode
    assert results[0].run_id not in lock
    assert not Path(lock).parent.exists()


def test_a_lock_of_a_killed_worker_does_not_keep_the_process_from_ending(python):
    """A worker that is killed while it writes to the shared queue holds the lock of that forever."""
    code = """
from pathlib import Path
from pipeline_orchestration import PipelineConfig, TaskRunnerName
from pipeline_orchestration.engines.prefect.task_runners import make_task_runner

with make_task_runner(TaskRunnerName.PROCESSES, PipelineConfig(), Path()) as runner:
    runner._subprocess_message_queue._wlock.acquire()
print("ended")
"""
    assert "ended\n" == python(code)[0]


def test_a_task_runner_that_is_not_installed_is_an_error_before_anything_runs(runner, folder, monkeypatch):
    from pipeline_orchestration.engines.prefect import task_runners

    monkeypatch.setattr(task_runners, "find_spec", lambda _name: None)

    first, second = runner(task_runner="ray").run_many(["one", "two"])

    assert ("orchestration.task_runner", "orchestration.not_run") == (first.code, second.code)
    assert first.error.endswith("is not installed; pip install './packages/pipeline-orchestration[ray]'")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("no room\nmore of it"), "no room"),
        (
            ConnectionError("Initialization failure from server:\nTraceback\n  Error: too slow\n"),
            "Initialization failure from server: Error: too slow",
        ),
        (OSError(), "OSError"),
    ],
)
def test_the_error_of_a_task_runner_that_does_not_start_has_the_reason(
    runner, folder, monkeypatch, error, reason
):
    """In one line, even if the error quotes a traceback, as Ray's does."""
    from pipeline_orchestration.engines.prefect import task_runners

    def refuse(*_):
        raise error

    monkeypatch.setattr(task_runners, "make_task_runner", refuse)

    (result,) = runner().run_many(["one"])

    assert ("orchestration.task_runner", f"the task runner does not start: {reason}") == (
        result.code,
        result.error,
    )


def test_ray_on_this_machine_is_started_again(monkeypatch, folder, caplog):
    """On a busy machine, its processes may wait too long for each other; Ray raises `Exception` itself."""
    from pipeline_orchestration.engines.prefect import task_runners

    tries = [Exception("it timed out\nduring startup"), RuntimeError("no answer"), None]
    config = PipelineConfig.load()

    @contextmanager
    def start(*_):
        if isinstance(outcome := tries.pop(0), Exception):
            raise outcome
        yield "runner"

    monkeypatch.setattr(task_runners, "make_task_runner", start)
    monkeypatch.setattr(task_runners, "_RAY_PRINT_SECONDS", 0)
    with task_runners.start_task_runner(TaskRunnerName.RAY, config, folder) as started:
        assert ("runner", []) == (started, tries)
    assert [
        "Ray does not start, trying again: it timed out",
        "Ray does not start, trying again: no answer",
    ] == caplog.messages


def test_more_inputs_than_a_flow_parameter_can_hold_are_all_run(runner, folder, ask):
    """Prefect takes half a megabyte; a flow that runs in this process gets all inputs in memory."""
    deep = folder / ("x" * 250) / ("y" * 250)
    deep.mkdir(parents=True)
    inputs = [deep / f"{number:03}.txt" for number in range(700)]
    for path in inputs[:2]:
        path.write_text(path.name)

    results = runner(concurrency=1).run_many(inputs)

    assert [None, None, *["input.missing"] * 698] == [result.code for result in results]
    assert [(2,)] == ask("p.db", "SELECT count(*) FROM finalized_records")


def test_a_deployment_uses_its_task_runner_too(prefect_server, folder):
    batches = run_pipeline(
        "pipeline_orchestration.text_pipeline:pipeline",
        [to_uri(path) for path in make_files(4)],
        output_dir="out",
        db_path="p.db",
        concurrency=2,
        task_runner="processes",
    )

    assert [1, 2, 3, 4] == sorted(each["batch_id"] for each in batches)
    assert [str(Path(f"{number}.txt").absolute()) for number in range(4)] == [
        each["input"] for each in batches
    ]
