"""Several inputs on Prefect, by each of its task runners: the same results, and each exactly once."""

import os
import time
from pathlib import Path

import pytest

from pipeline_jobs import BaseJob, InputError, OutputError
from pipeline_orchestration import PipelineDefinition, PipelineRunner, run_pipeline
from pipeline_orchestration.crossing import uri

# Dask and Ray are extras: tests-integration has their tests.
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


@pytest.fixture
def runner(prefect_server, folder):
    """Makes runners on Prefect that work on two inputs at a time."""

    def made(**settings):
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF", "concurrency": 2} | settings
        return PipelineRunner(engine="prefect", **settings)

    return made


def files(count):
    for number in range(count):
        Path(f"{number}.txt").write_text(f"{number}\n")
    return [Path(f"{number}.txt") for number in range(count)]


@pytest.mark.parametrize("task_runner", RUNNERS)
def test_every_input_has_its_own_result_in_order(runner, folder, ask, task_runner):
    """Also where one fails, and where another process works on them."""
    inputs = [*files(5), Path("missing.txt")]
    told = []

    results = runner(task_runner=task_runner, busy_timeout=0).run_many(inputs, finished=told.append)

    assert [*[None] * 5, "input.missing"] == [result.code for result in results]
    assert list(map(str, inputs)) == [result.input for result in results]
    assert ["A", "B", "C"] == [job.job for job in results[4].jobs]
    assert 6 == len(told)
    assert [("0",), ("1",), ("2",), ("3",), ("4",)] == ask(
        "p.db", "SELECT content FROM finalized_records ORDER BY 1"
    )


@pytest.mark.parametrize("task_runner", [None, "processes"])
def test_many_inputs_are_few_task_runs(runner, folder, ask, task_runner):
    """A task run for each job of each would be slow, and more than a person looks at."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters

    results = runner(task_runner=task_runner, busy_timeout=0).run_many(files(240))

    assert {None} == {result.code for result in results}
    assert [(240, 240)] == ask("p.db", "SELECT count(DISTINCT content), count(*) FROM finalized_records")
    named = filters.FlowRunFilter(name=filters.FlowRunFilterName(any_=["0.txt and 239 more"]))
    with get_client(sync_client=True) as client:
        for _ in range(100):
            found = client.read_task_runs(flow_run_filter=named)
            if len(found) >= 8:
                break
            time.sleep(0.1)
        client.delete_flow_run(client.read_flow_runs(flow_run_filter=named)[0].id)
    assert "0.txt and 29 more" in {each.name for each in found}
    assert 8 == len(found)


@pytest.mark.parametrize("count", [3, 150])
def test_one_thread_runs_many_in_turn(runner, folder, ask, count):
    results = runner(concurrency=1).run_many([*files(count), "missing.txt"])

    assert [*[None] * count, "input.missing"] == [result.code for result in results]
    assert [(count,)] == ask("p.db", "SELECT count(*) FROM finalized_records")


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_failure_that_all_share_stops_the_rest(runner, folder, concurrency):
    class Full(BaseJob[object, object]):
        def validate_input(self, value):
            return value

        def single_job(self, value):
            raise OutputError("output.no_space", "it is full")

    pipeline = PipelineDefinition("full").add_job("full", lambda _: Full())

    results = runner(pipeline=pipeline, concurrency=concurrency).run_many(list(map(str, range(300))))

    codes = [result.code for result in results]
    assert "output.no_space" == codes[0]
    assert 250 < codes.count("orchestration.not_run")


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_store_that_is_away_stops_what_is_in_it_alone(runner, folder, concurrency):
    """Many of its inputs, which come first, and one that is elsewhere."""

    class Away(BaseJob[object, object]):
        def validate_input(self, value):
            return value

        def single_job(self, value):
            if "://" in str(value):
                raise InputError("input.unreachable", "it is away")
            return value

    pipeline = PipelineDefinition("away").add_job("away", lambda _: Away())

    results = runner(pipeline=pipeline, concurrency=concurrency).run_many(
        [*(f"memory://away/{number}" for number in range(300)), "7"]
    )

    codes = [result.code for result in results]
    assert ("input.unreachable", None) == (codes[0], codes[-1])
    assert 250 < codes.count("orchestration.not_run")


def test_a_worker_that_is_lost_is_replaced(runner, folder):
    """What it was given is run again; what kills it twice is reported, and the others go on."""
    (folder / "killer.py").write_text(KILLER)

    results = runner(pipeline="killer.py:pipeline", task_runner="processes").run_many(
        ["one", "once", "always", "two"]
    )

    assert [None, None, "orchestration.worker_lost", None] == [result.code for result in results]
    assert results[2].last.retriable


def test_what_a_killed_worker_holds_keeps_nobody(python):
    """As one does that is killed while it writes to the queue of all: the process ends all the same."""
    code = """
from pipeline_orchestration import PipelineConfig, TaskRunnerName
from pipeline_orchestration.on_prefect.task_runners import make_task_runner

with make_task_runner(TaskRunnerName.PROCESSES, PipelineConfig()) as runner:
    runner._subprocess_message_queue._wlock.acquire()
print("ended")
"""
    assert "ended\n" == python(code)[0]


def test_what_is_not_installed_is_said_before_anything_runs(runner, folder, monkeypatch):
    from pipeline_orchestration.on_prefect import task_runners

    monkeypatch.setattr(task_runners, "find_spec", lambda _name: None)

    first, second = runner(task_runner="ray").run_many(["one", "two"])

    assert ("orchestration.task_runner", "orchestration.not_run") == (first.code, second.code)
    assert first.error.endswith("is not installed; pip install './packages/pipeline-orchestration[ray]'")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("no room\nmore of it"), "no room"),
        (
            ConnectionError("Initialization failure from server:\nTraceback\n  it: slow\n"),
            "Initialization failure from server: it: slow",
        ),
        (OSError(), "OSError"),
    ],
)
def test_a_task_runner_that_does_not_start_says_why(runner, folder, monkeypatch, error, said):
    """In one line, also of one who quotes a traceback."""
    from pipeline_orchestration.on_prefect import task_runners

    def refuse(*_):
        raise error

    monkeypatch.setattr(task_runners, "make_task_runner", refuse)

    (result,) = runner().run_many(["one"])

    assert ("orchestration.task_runner", f"the task runner does not start: {said}") == (
        result.code,
        result.error,
    )


def test_more_inputs_than_a_parameter_of_prefects_holds(runner, folder, ask):
    """It takes half a megabyte; the flow that runs here is handed all of them past it."""
    deep = folder / ("x" * 250) / ("y" * 250)
    deep.mkdir(parents=True)
    inputs = [deep / f"{number:03}.txt" for number in range(700)]
    for path in inputs[:2]:
        path.write_text(path.name)

    results = runner(concurrency=1).run_many(inputs)

    assert [None, None, *["input.missing"] * 698] == [result.code for result in results]
    assert [(2,)] == ask("p.db", "SELECT count(*) FROM finalized_records")


def test_a_deployment_spreads_too(prefect_server, folder, ask):
    done = run_pipeline(
        "pipeline_orchestration.text:pipeline",
        [uri(path) for path in files(4)],
        output_dir="out",
        db_path="p.db",
        concurrency=2,
        task_runner="processes",
    )

    assert [1, 2, 3, 4] == sorted(each["batch_id"] for each in done)
    assert [str(Path(f"{number}.txt").absolute()) for number in range(4)] == [each["input"] for each in done]
    assert os.getpid() not in ask("p.db", "SELECT id FROM processing_batches")
