"""What a run is on a real Prefect server."""

import json
import pickle
import threading
import time
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
from pipeline_orchestration.crossing import uri
from pipeline_orchestration.logs import at_level


@pytest.fixture
def runner(prefect_server, folder):
    """Makes runners that run on Prefect."""

    def made(**settings):
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF"} | settings
        return PipelineRunner(engine="prefect", **settings)

    return made


@pytest.fixture
def seen(prefect_server):
    """What Prefect knows of the flow run with a name, once it knows of so many finished task runs."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters

    def ask(client, name):
        named = filters.FlowRunFilter(name=filters.FlowRunFilterName(any_=[name]))
        (flow_run,) = client.read_flow_runs(flow_run_filter=named)
        task_runs = client.read_task_runs(flow_run_filter=named)
        return SimpleNamespace(
            flow_run=flow_run, task_runs=sorted(task_runs, key=lambda each: str(each.start_time))
        )

    def asked(name, count):
        with get_client(sync_client=True) as client:
            # Task runs are told by events, which arrive after a while.
            for _ in range(300):
                found = ask(client, name)
                if count == len([each for each in found.task_runs if each.state and each.state.is_final()]):
                    break
                time.sleep(0.1)
            return found

    return asked


def states(found):
    return [(each.name, each.state.name) for each in found.task_runs]


def test_a_run_is_one_flow_run_and_a_task_run_for_each_job(runner, folder, seen, ask):
    (folder / "three jobs.txt").write_text("one")

    result = runner().run("three jobs.txt")
    found = seen("three jobs.txt", 3)

    assert "Completed" == found.flow_run.state.name
    assert [(f"{job} three jobs.txt", "Completed") for job in "ABC"] == states(found)
    assert [(result.run_id,)] == ask("p.db", "SELECT run_id FROM processing_batches")
    assert str(found.flow_run.id) == result.run_id


def test_runs_are_found_by_their_tags_and_by_their_page(runner, folder, seen, prefect_server):
    (folder / "tagged.txt").write_text("one")

    result = runner().run_many(["tagged.txt", "tagged.txt", "missing.txt"])[0]
    found = seen("tagged.txt and 2 more", 7)

    assert {"pipeline:text", "batch:1"} == set(found.flow_run.tags)
    tags = {each.name: set(each.tags) for each in found.task_runs}
    assert {"pipeline:text", "job:A"} == tags["A tagged.txt"] == tags["A missing.txt"]
    assert {"pipeline:text", "job:B", "batch:1"} == tags["B tagged.txt"]
    assert {"pipeline:text", "job:C", "batch:1"} == tags["C tagged.txt"]
    assert f"{prefect_server.removesuffix('/api')}/runs/flow-run/{found.flow_run.id}" == result.url


def test_the_tags_that_a_run_has_already_stay(runner, folder, seen):
    from prefect import tags

    (folder / "mine.txt").write_text("one")

    with tags("nightly"):
        runner().run("mine.txt")

    found = seen("mine.txt", 3)
    assert {"nightly", "pipeline:text", "batch:1"} == set(found.flow_run.tags)
    assert {"nightly", "pipeline:text", "job:A"} == set(found.task_runs[0].tags)


def test_a_run_of_many_batches_is_not_tagged_with_them(runner, seen):
    """Nobody would read so many."""
    runner().run_many([[str(number)] for number in range(51)], "B", "B")

    assert ["pipeline:text"] == seen("memory and 50 more", 51).flow_run.tags


def test_a_job_that_takes_too_long_is_timed_out_on_prefect(runner, seen):
    class Slow(FailingJob):
        def single_job(self, value):
            time.sleep(20)

    pipeline = PipelineDefinition("slow").add_job(
        "work", lambda _: Slow(ValueError()), retries=1, retry_delay_seconds=0, timeout_seconds=0.3
    )

    result = runner(pipeline=pipeline).run("too long")
    found = seen("too long", 1)

    assert "job.timeout" == result.code
    assert [("work too long", "TimedOut")] == states(found)
    assert 2 == found.task_runs[0].run_count
    assert f"Task run failed due to timeout: job.timeout: {result.error}" == found.task_runs[0].state.message


def test_several_inputs_are_one_flow_run(runner, folder, seen):
    for name in ("first.txt", "second.txt"):
        (folder / name).write_text(name)

    runner().run_many(["first.txt", "second.txt"])
    found = seen("first.txt and 1 more", 6)

    names = [f"{job} {name}" for name in ("first.txt", "second.txt") for job in "ABC"]
    assert [(name, "Completed") for name in names] == states(found)


def test_a_failed_job_is_a_failed_task_run_and_a_failed_flow_run(runner, folder, seen):
    (folder / "failing.txt").write_bytes(b"ok\n\xff")

    result = runner().run_many(["failing.txt", "99"])[0]
    found = seen("failing.txt and 1 more", 2)

    assert [("A failing.txt", "Failed"), ("A 99", "Failed")] == states(found)
    assert f"input.undecodable: {result.error}" in found.task_runs[0].state.message
    assert "Failed" == found.flow_run.state.name
    expected = f"2 of 2 inputs failed; A {folder}/failing.txt: input.undecodable: {result.error}"
    assert expected == found.flow_run.state.message


def test_a_retried_job_is_one_task_run(runner, seen):
    job = FailingJob(PipelineError("database.busy", "it is in use", retriable=True), 2)
    pipeline = PipelineDefinition("one").add_job("work", lambda _: job, retries=2, retry_delay_seconds=0.01)

    runner(pipeline=pipeline).run("retried")
    found = seen("retried", 1)

    assert [("work retried", "Completed")] == states(found)
    assert 3 == found.task_runs[0].run_count


def test_parameters_hold_addresses_and_settings_only(runner, folder, seen):
    """No record, whatever it is that is run."""
    (folder / "told.txt").write_text("secret")

    runner(busy_timeout=2).run_many(["told.txt", ["secret"], "7"], stop_after="A")
    parameters = seen("told.txt and 2 more", 3).flow_run.parameters

    first, second, third = parameters.pop("inputs")
    assert (uri("told.txt"), "7") == (first, third)
    assert second.startswith(f"json:{uri('out')}/.memory.json.")
    assert {
        "pipeline": "pipeline_orchestration.text:pipeline",
        "start_from": None,
        "stop_after": "A",
        "output_dir": uri("out"),
        "db_path": uri("p.db"),
        "db_url": None,
        "on_duplicate": "skip",
        "encoding": "utf-8",
        "busy_timeout": 2.0,
        "max_record_bytes": 1 << 24,
        "log_level": "OFF",
        "concurrency": 1,
        "task_runner": None,
        "dask_address": None,
        "ray_address": None,
    } == parameters
    assert "secret" not in json.dumps(parameters)


def test_data_in_memory_and_ids_have_names_too(runner, seen):
    runner().run_many([["one"]], "B", "B")
    runner().run_single("C", 1)

    assert [("B memory", "Completed")] == states(seen("memory", 1))
    assert [("C 1", "Completed")] == states(seen("1", 1))


def test_a_configured_api_is_found(runner, prefect_server, monkeypatch, sample):
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    result = PipelineRunner(db_path="p.db", log_level="OFF").run(sample)

    assert ("prefect", 1) == (result.engine, result.batch_id)


MINE = """
from pipeline_orchestration import PipelineDefinition
from pipeline_orchestration.text import pipeline as text
pipeline = PipelineDefinition("mine")
for spec in text.between():
    pipeline.add_job(spec.name, spec.factory)
"""


@pytest.mark.parametrize("form", [str, uri])
def test_the_flow_needs_no_runner(runner, folder, sample, form):
    """A deployment has parameters only: paths or, as those of a run from here, file URIs."""
    (folder / "deployed.py").write_text(MINE)
    mine = "deployed.py:pipeline"
    settings = {"output_dir": form("there"), "db_path": form("there.db")}

    done = run_pipeline(mine, [form(sample)], **settings)
    again = run_pipeline(mine, [form(sample), "missing.txt"], **settings, return_state=True)

    assert [{"input": str(sample), "batch_id": 1}] == done
    assert (folder / "there/sample_processed.json").exists()
    assert "1 of 2 inputs failed; A missing.txt: input.missing" in again.message


def test_a_flow_that_a_job_runs_is_another(runner, folder, sample):
    """What a run hands its own flow does not reach a flow within it."""
    (folder / "deployed.py").write_text(MINE)

    class Within(FailingJob):
        def single_job(self, value):
            return run_pipeline("deployed.py:pipeline", [uri(sample)], stop_after="A", output_dir="within")

    outer = PipelineDefinition("outer").add_job("within", lambda _: Within(ValueError()))

    result = runner(pipeline=outer).run("anything")

    assert result.success, result.error
    assert ["within"] == [job.job for job in result.jobs]
    assert (folder / "within/sample_processed.json").exists()


def test_a_task_fails_with_the_result_of_its_job(runner):
    """And with nothing else: Prefect's states, retries and hooks see it, the runner turns it back."""
    from prefect.cache_policies import NO_CACHE

    from pipeline_orchestration.on_prefect.tasks import JobFailedError

    error = InputError("input.odd", "it is odd")
    task = make_job_task(JobSpec("work", lambda _: None, retries=2, retry_delay_seconds=0.5))

    assert ("work", 2, [0.5, 1.0], NO_CACHE, False) == (
        task.name,
        task.retries,
        task.retry_delay_seconds,
        task.cache_policy,
        task.persist_result,
    )
    with at_level(LogLevel.OFF), pytest.raises(JobFailedError, match=r"^input\.odd: it is odd$") as caught:
        task(FailingJob(error), 7, "work 7")
    assert error is caught.value.result.exception


@pytest.mark.parametrize("name", ["JobFailedError", "JobTimedOutError"])
def test_the_failure_of_a_task_survives_pickling(runner, name):
    from pipeline_orchestration.on_prefect import tasks

    kind = getattr(tasks, name)
    copy = pickle.loads(pickle.dumps(kind(JobResult("A", exception=InputError("input.odd", "odd")))))

    assert ("input.odd: odd", "A", kind) == (str(copy), copy.result.job, type(copy))


def test_a_task_goes_to_other_processes_without_what_built_its_job(runner):
    """A factory may hold what cannot be sent, and is not needed there."""
    import cloudpickle

    lock = threading.Lock()
    spec = JobSpec("work", lambda _: lock, timeout_seconds=5)

    task = cloudpickle.loads(cloudpickle.dumps(make_job_task(spec, tags=["pipeline:text"])))

    with at_level(LogLevel.OFF):
        assert 7 == task(FailingJob(ValueError(), 0), 7, "work 7").output


@pytest.mark.parametrize(("refusals", "calls", "code"), [(2, 3, None), (9, 5, "orchestration.failed")])
def test_a_server_that_is_too_busy_to_begin_is_asked_again(
    runner, sample, monkeypatch, caplog, refusals, calls, code
):
    """As Prefect's own is on SQLite while it writes down what came of many task runs."""
    from pipeline_orchestration.on_prefect import starting

    asked = []
    flow = starting.run_pipeline

    def busy(**parameters):
        asked.append(parameters)
        if len(asked) > refusals:
            return flow(**parameters)
        request = httpx.Request("POST", "http://127.0.0.1/api/flow_runs/")
        raise httpx.HTTPStatusError("busy", request=request, response=httpx.Response(503))

    monkeypatch.setattr(starting, "run_pipeline", busy)
    monkeypatch.setattr(starting, "_PAUSE", 0)

    result = runner(log_level="WARNING").run(sample)

    assert (calls, code) == (len(asked), result.code)
    assert calls - 1 == caplog.messages.count(
        "Prefect's server is too busy to begin a run; it is asked again"
    )
