"""The flow on a real Prefect server: flow runs, task runs, tags, states, and parameters."""

import json
import pickle
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from pipeline_jobs import InputError, JobResult, PipelineError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import (
    JobSpec,
    LogLevel,
    PipelineDefinition,
    PipelineRunner,
    make_job_task,
    run_pipeline,
)
from pipeline_orchestration.inputs import to_uri
from pipeline_orchestration.log_levels import set_log_level


@pytest.fixture
def runner(prefect_server, folder):
    """A function that makes runners on Prefect."""

    def make(**settings):
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF"} | settings
        return PipelineRunner(engine="prefect", **settings)

    return make


@pytest.fixture
def find_run(prefect_server):
    """A function that returns the flow run with a name, once so many of its task runs are finished."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters

    def read(client, name):
        named = filters.FlowRunFilter(name=filters.FlowRunFilterName(any_=[name]))
        (flow_run,) = client.read_flow_runs(flow_run_filter=named)
        task_runs = client.read_task_runs(flow_run_filter=named)
        return SimpleNamespace(
            flow_run=flow_run, task_runs=sorted(task_runs, key=lambda each: str(each.start_time))
        )

    def wait_for_run(name, count):
        with get_client(sync_client=True) as client:
            # The server learns of task runs by events, which arrive after a while.
            for _ in range(600):
                found = read(client, name)
                if count == len([each for each in found.task_runs if each.state and each.state.is_final()]):
                    break
                time.sleep(0.1)
            return found

    return wait_for_run


def get_states(found):
    """Return name and state of each task run."""
    return [(each.name, each.state.name) for each in found.task_runs]


def test_a_run_is_one_flow_run_and_a_task_run_for_each_job(runner, folder, find_run, ask):
    (folder / "three jobs.txt").write_text("one")

    result = runner().run("three jobs.txt")
    found = find_run("three jobs.txt", 3)

    assert "Completed" == found.flow_run.state.name
    assert [(f"{job} three jobs.txt", "Completed") for job in "ABC"] == get_states(found)
    assert [(result.run_id,)] == ask("p.db", "SELECT run_id FROM processing_batches")
    assert str(found.flow_run.id) == result.run_id


def test_a_run_has_tags_and_the_url_of_its_page(runner, folder, find_run, prefect_server):
    (folder / "tagged.txt").write_text("one")

    result = runner().run_many(["tagged.txt", "tagged.txt", "missing.txt"])[0]
    found = find_run("tagged.txt and 2 more", 7)

    assert {"pipeline:text", "batch:1"} == set(found.flow_run.tags)
    tags = {each.name: set(each.tags) for each in found.task_runs}
    assert {"pipeline:text", "job:A"} == tags["A tagged.txt"] == tags["A missing.txt"]
    assert {"pipeline:text", "job:B", "batch:1"} == tags["B tagged.txt"]
    assert {"pipeline:text", "job:C", "batch:1"} == tags["C tagged.txt"]
    assert f"{prefect_server.removesuffix('/api')}/runs/flow-run/{found.flow_run.id}" == result.url


def test_tags_of_the_caller_are_kept(runner, folder, find_run):
    from prefect import tags

    (folder / "mine.txt").write_text("one")

    with tags("nightly"):
        runner().run("mine.txt")

    found = find_run("mine.txt", 3)
    assert {"nightly", "pipeline:text", "batch:1"} == set(found.flow_run.tags)
    assert {"nightly", "pipeline:text", "job:A"} == set(found.task_runs[0].tags)


def test_a_run_of_more_than_fifty_batches_has_no_tags_for_them(runner, find_run):
    """Nobody would read so many."""
    runner().run_many([[str(number)] for number in range(51)], "B", "B")

    assert ["pipeline:text"] == find_run("memory and 50 more", 51).flow_run.tags


def test_a_timeout_is_a_task_run_in_state_timed_out(runner, find_run):
    class Slow(FailingJob):
        def single_job(self, value):
            time.sleep(20)

    pipeline = PipelineDefinition("slow").add_job(
        "work", lambda _: Slow(ValueError()), retries=1, retry_delay_seconds=0, timeout_seconds=0.3
    )

    result = runner(pipeline=pipeline).run("too long")
    found = find_run("too long", 1)

    assert "job.timeout" == result.code
    assert [("work too long", "TimedOut")] == get_states(found)
    assert 2 == found.task_runs[0].run_count
    assert f"Task run failed due to timeout: job.timeout: {result.error}" == found.task_runs[0].state.message


def test_several_inputs_are_one_flow_run(runner, folder, find_run):
    for name in ("first.txt", "second.txt"):
        (folder / name).write_text(name)

    runner().run_many(["first.txt", "second.txt"])
    found = find_run("first.txt and 1 more", 6)

    names = [f"{job} {name}" for name in ("first.txt", "second.txt") for job in "ABC"]
    assert [(name, "Completed") for name in names] == get_states(found)


def test_a_failed_job_is_a_failed_task_run_and_a_failed_flow_run(runner, folder, find_run):
    (folder / "failing.txt").write_bytes(b"ok\n\xff")

    result = runner().run_many(["failing.txt", "99"])[0]
    found = find_run("failing.txt and 1 more", 2)

    assert [("A failing.txt", "Failed"), ("A 99", "Failed")] == get_states(found)
    assert f"input.undecodable: {result.error}" in found.task_runs[0].state.message
    assert "Failed" == found.flow_run.state.name
    expected = f"2 of 2 inputs failed; A failing.txt: input.undecodable: {result.error}"
    assert expected == found.flow_run.state.message


def test_a_retried_job_is_one_task_run(runner, find_run):
    job = FailingJob(PipelineError("database.busy", "it is in use", retriable=True), 2)
    pipeline = PipelineDefinition("one").add_job("work", lambda _: job, retries=2, retry_delay_seconds=0.01)

    runner(pipeline=pipeline).run("retried")
    found = find_run("retried", 1)

    assert [("work retried", "Completed")] == get_states(found)
    assert 3 == found.task_runs[0].run_count


def test_parameters_hold_inputs_and_settings_but_no_data(runner, folder, find_run):
    (folder / "listed.txt").write_text("secret")

    runner(busy_timeout=2, max_rejects="1%").run_many(["listed.txt", ["secret"], "7"], stop_after="A")
    parameters = find_run("listed.txt and 2 more", 3).flow_run.parameters

    first, second, third = parameters.pop("inputs")
    assert (to_uri(Path("listed.txt")), "7") == (first, third)
    assert "memory" == second
    assert {
        "pipeline": "pipeline_orchestration.text_pipeline:pipeline",
        "params": None,
        "start_from": None,
        "stop_after": "A",
        "output_dir": str(folder / "out"),
        "db_path": str(folder / "p.db"),
        "db_url": None,
        "on_duplicate": "skip",
        "encoding": "utf-8",
        "busy_timeout": 2.0,
        "max_record_bytes": 1 << 24,
        "max_unpacked_bytes": 1 << 40,
        "max_unpacked_ratio": 2000,
        "log_level": "OFF",
        "concurrency": 1,
        "task_runner": None,
        "dask_address": None,
        "ray_address": None,
        "max_rejects": "1%",
    } == parameters
    assert "secret" not in json.dumps(parameters)


def test_runs_of_data_in_memory_and_of_ids_have_names_too(runner, find_run):
    runner().run_many([["one"]], "B", "B")
    runner().run_single("C", 424242)  # no other run on this server has that name

    assert [("B memory", "Completed")] == get_states(find_run("memory", 1))
    assert [("C 424242", "Failed")] == get_states(find_run("424242", 1))


def test_a_configured_api_is_found(runner, prefect_server, monkeypatch, sample):
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    result = PipelineRunner(db_path="p.db", log_level="OFF").run(sample)

    assert ("prefect", 1) == (result.engine, result.batch_id)


MINE = """
from pipeline_orchestration import PipelineDefinition
from pipeline_orchestration.text_pipeline import pipeline as text
pipeline = PipelineDefinition("mine")
for spec in text.select_jobs():
    pipeline.add_job(spec.name, spec.factory)
"""


@pytest.mark.parametrize("form", [str, lambda name: to_uri(Path(name))])
def test_a_deployed_flow_runs_from_its_parameters_alone(runner, folder, sample, form):
    """Its paths are plain paths or file URIs."""
    (folder / "deployed.py").write_text(MINE)
    mine = "deployed.py:pipeline"
    settings = {"output_dir": form("there"), "db_path": form("there.db")}

    batches = run_pipeline(mine, [form(sample)], **settings)
    again = run_pipeline(mine, [form(sample), "missing.txt"], **settings, return_state=True)

    assert [{"input": str(sample), "batch_id": 1}] == batches
    assert (folder / "there/sample_processed.json").exists()
    assert "1 of 2 inputs failed; A missing.txt: input.missing" in again.message


def test_a_flow_within_a_job_is_a_run_of_its_own(runner, folder, sample):
    """A run that is handed over in memory reaches its own flow only."""
    (folder / "deployed.py").write_text(MINE)

    class Within(FailingJob):
        def single_job(self, value):
            return run_pipeline("deployed.py:pipeline", [to_uri(sample)], stop_after="A", output_dir="within")

    outer = PipelineDefinition("outer").add_job("within", lambda _: Within(ValueError()))

    result = runner(pipeline=outer).run("anything")

    assert result.success, result.error
    assert ["within"] == [job.job for job in result.jobs]
    assert (folder / "within/sample_processed.json").exists()


def test_the_error_of_a_task_holds_the_result_of_its_job(runner):
    """Prefect's states, retries and hooks see the error; the runner returns the result."""
    from prefect.cache_policies import NO_CACHE

    from pipeline_orchestration.engines.prefect.tasks import JobFailedError

    error = InputError("input.odd", "it is odd")
    task = make_job_task(JobSpec("work", lambda _: None, retries=2, retry_delay_seconds=0.5))

    assert ("work", 2, [0.5, 1.0], NO_CACHE, False) == (
        task.name,
        task.retries,
        task.retry_delay_seconds,
        task.cache_policy,
        task.persist_result,
    )
    with (
        set_log_level(LogLevel.OFF),
        pytest.raises(JobFailedError, match=r"^input\.odd: it is odd$") as caught,
    ):
        task(FailingJob(error), 7, "work 7")
    assert error is caught.value.result.exception


@pytest.mark.parametrize("name", ["JobFailedError", "JobTimedOutError"])
def test_the_error_of_a_task_survives_pickling(runner, name):
    from pipeline_orchestration.engines.prefect import tasks

    kind = getattr(tasks, name)
    copy = pickle.loads(pickle.dumps(kind(JobResult("A", exception=InputError("input.odd", "odd")))))

    assert ("input.odd: odd", "A", kind) == (str(copy), copy.result.job, type(copy))


def test_a_task_is_pickled_without_the_factory_of_its_job(runner):
    """A factory may hold what cannot be pickled, and another process does not need it."""
    import cloudpickle

    lock = threading.Lock()
    spec = JobSpec("work", lambda _: lock, timeout_seconds=5)

    task = cloudpickle.loads(cloudpickle.dumps(make_job_task(spec, tags=["pipeline:text"])))

    with set_log_level(LogLevel.OFF):
        assert 7 == task(FailingJob(ValueError(), 0), 7, "work 7").output


@pytest.mark.parametrize(("refusals", "calls", "code"), [(2, 3, None), (9, 5, "orchestration.failed")])
def test_a_run_is_submitted_again_if_the_server_is_too_busy(
    runner, sample, monkeypatch, caplog, refusals, calls, code
):
    """A server on SQLite refuses new runs while it stores the events of many task runs."""
    from pipeline_orchestration.engines.prefect import submit

    submissions = []
    flow = submit.run_pipeline

    def busy(**parameters):
        submissions.append(parameters)
        if len(submissions) > refusals:
            return flow(**parameters)
        request = httpx.Request("POST", "http://127.0.0.1/api/flow_runs/")
        raise httpx.HTTPStatusError("busy", request=request, response=httpx.Response(503))

    monkeypatch.setattr(submit, "run_pipeline", busy)
    monkeypatch.setattr(submit, "_PAUSE", 0)

    result = runner(log_level="WARNING").run(sample)

    assert (calls, code) == (len(submissions), result.code)
    assert calls - 1 == caplog.messages.count("the Prefect server is too busy to begin a run, retrying")
