"""Artifacts on the page of a run in Prefect."""

import json
import re
import threading
from dataclasses import dataclass

import pytest

from pipeline_jobs import BaseJob, BatchId, Csv, JobA, JobB, JobResult, PipelineError
from pipeline_jobs.escaping import escape
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineConfig, PipelineDefinition, PipelineRunner, RunResult
from pipeline_orchestration.engines.prefect import artifacts, progress
from pipeline_orchestration.engines.prefect.artifacts import FinishedRun, make_artifact_key
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.settings.sources import TEXT_PIPELINE
from pipeline_orchestration.text_pipeline import pipeline as text


@pytest.fixture
def runner(prefect_server, folder):
    """A function that makes runners on Prefect."""

    def make(**settings):
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF"} | settings
        return PipelineRunner(engine="prefect", **settings)

    return make


def test_the_summary_has_a_row_for_each_input(runner, folder, sample, page):
    runner().run_many([sample, "gone.txt"])
    runner().run_many([sample])
    first, again = page("sample.txt and 1 more").artifacts, page("sample.txt").artifacts

    assert "pipeline-text-summary" == first["summary"].key
    assert first["summary"].description.startswith("1 done, 1 failed; 2 records in ")
    failed, done = json.loads(first["summary"].data)
    assert {
        "input": "gone.txt",
        "outcome": "input.missing",
        "records": None,
        "batch": None,
        "seconds": 0.0,
        "message": f"{folder}/gone.txt: no such file",
    } == failed | {"seconds": 0.0}
    assert (str(sample), "done", 2, 1, "") == tuple(
        done[name] for name in ("input", "outcome", "records", "batch", "message")
    )
    assert ["summary"] == list(again)
    assert "was there already" == json.loads(again["summary"].data)[0]["outcome"]


def test_a_failure_has_a_report_with_the_command_that_resumes_it(runner, sample, page, folder):
    """The command has the folder and all settings that are not defaults, so it works in any folder."""
    import sqlite3
    from contextlib import closing

    runner().run(sample)
    (folder / "next.txt").write_text("more")
    with closing(sqlite3.connect("p.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        runner(busy_timeout=0).run("next.txt")
    failure = page("next.txt").artifacts["failure"]

    assert ("pipeline-text-failure", "markdown") == (failure.key, failure.type)
    assert failure.data.startswith("# 1 of 1 inputs failed\n\n## `")
    assert "Job `B` failed with `database.busy`:\n\n> `" in failure.data
    document = f"{folder}/out/next_processed.json"
    options = f"--output-dir {folder}/out --db-path {folder}/p.db run --start-from B --busy-timeout 0.0"
    assert f"```bash\ncd {folder}\npipeline {options} {document}\n```" in failure.data


@dataclass
class Order:
    id: int
    name: str


def test_rejects_are_counted_by_reason_and_none_of_their_data_reaches_prefect(runner, folder, page):
    (folder / "orders.csv").write_text("id,name\n1,good\nbad,secret\nworse,secret\n2\n")
    pipeline = (
        PipelineDefinition("orders")
        .add_job(
            "A", lambda run: JobA(run.output_dir, record=Order, reader=Csv(), max_rejects=run.max_rejects)
        )
        .add_job("B", lambda run: JobB(run.store))
    )

    runner(pipeline=pipeline, max_rejects="75%", log_level="DEBUG").run("orders.csv")
    runner(pipeline=pipeline, log_level="DEBUG").run("orders.csv")
    refused, done = page("orders.csv"), page("orders.csv", skip=1)

    assert ["rejects", "summary"] == sorted(done.artifacts)
    assert done.artifacts["rejects"].data.startswith("# 3 rows rejected\n\nIn batch 1.\n\n")
    assert "| 2 | `A` | `type` | `id` |\n| 1 | `A` | `columns` |  |\n" in done.artifacts["rejects"].data
    assert f"pipeline --db-path {folder}/p.db rejects 1\n" in done.artifacts["rejects"].data
    assert ["failure", "summary"] == sorted(refused.artifacts)
    assert "input.rejects" in refused.artifacts["failure"].data
    for each in (done, refused):
        texts = [f"{artifact.data} {artifact.description}" for artifact in each.artifacts.values()]
        texts += [log.message for log in each.logs] + [str(each.run.state), str(each.run.parameters)]
        assert not re.search("secret|bad|worse", " ".join(texts))


def make_artifacts(*results, pipeline="x.py:pipeline", inputs=None):
    spec = RunSpec(pipeline=pipeline, config=PipelineConfig())
    inputs = inputs or [RunInput(each.input, each.input) for each in results]
    run = FinishedRun(spec, text, inputs, results, 1.5)
    return artifacts._make_summary(run), artifacts._make_failure_report(run)


def test_the_command_that_resumes_a_run_has_its_limit_on_rejects():
    busy = make_failure("x.csv", "database.busy", "in use", before=[JobResult("A", "x.json")])
    config = PipelineConfig(max_rejects="0.5%")
    run = FinishedRun(
        RunSpec(pipeline="x.py:pipeline", config=config), text, [RunInput("x", "x")], [busy], 1.5
    )

    assert "run --start-from B --max-rejects 0.5% x.json" in artifacts._make_failure_report(run).data


def make_failure(name, code="input.missing", message="no such file", *, before=()):
    error = PipelineError(code, message)
    return RunResult(name, "prefect", (*before, JobResult("B" if before else "A", exception=error)))


def test_a_summary_of_many_inputs_is_bounded_and_lists_failures_first():
    succeeded = [RunResult(f"{n}.txt", "prefect", (JobResult("A", "x"),)) for n in range(9_900)]
    failed = [make_failure(f"bad {n}.txt", message="x" * 100_000) for n in range(99)]

    summary, failure = make_artifacts(*succeeded[:50], *failed, *succeeded[50:])
    rows = json.loads(summary.data)

    assert ["bad 0.txt", "bad 98.txt", "0.txt"] == [rows[n]["input"] for n in (0, 98, 99)]
    assert 100 == len(rows)
    assert summary.description == (
        "9900 done, 99 failed; 0 records in 1.500 s. Of 9,999 inputs, 100 are listed, failures first."
    )
    assert failure.data.endswith("… and 89 more.")
    assert len(summary.data) < 100_000 > 10 * len(failure.data)


def make_typed(name, batch, rejected):
    counts = {"read": 10 + rejected, "records": 8, "rejected": rejected, "blank": 1, "dropped": 1}
    before = JobResult("A", "x.json", counts={"lines": 10 + rejected, "records": 9, "rejected": rejected})
    return RunResult(name, "prefect", (before, JobResult("B", BatchId(batch), counts=counts)))


def test_the_summary_of_typed_rows_has_their_sums():
    """An input that failed has none."""
    summary, _ = make_artifacts(make_typed("x.csv", 1, 2), make_typed("y.csv", 2, 1), make_failure("z.csv"))

    assert summary.description == "2 done, 1 failed; 16 records, 3 rejected in 1.500 s."
    failed, first, second = json.loads(summary.data)
    names = ("read", "loaded", "rejected", "blank", "dropped")
    assert [None] * 5 == [failed[name] for name in names]
    assert [12, 8, 2, 1, 1] == [first[name] for name in names]
    assert [11, 8, 1, 1, 1] == [second[name] for name in names]
    assert "records" not in first


def test_there_is_no_command_for_a_definition_or_data_in_memory():
    """A new process has neither an object nor data of this one."""
    loaded = JobResult("A", "x.json")
    busy = make_failure("x.txt", "database.busy", "in use", before=[loaded])

    assert "--pipeline x.py:pipeline run --start-from B x.json" in make_artifacts(busy)[1].data
    assert "--pipeline" not in make_artifacts(busy, pipeline=TEXT_PIPELINE)[1].data
    for artifacts_of_run in (
        make_artifacts(busy, pipeline=PipelineDefinition("mine")),
        make_artifacts(busy, inputs=[RunInput.parse(["data"])]),
    ):
        assert "Once the cause is removed, repeat the run" in artifacts_of_run[1].data


def test_markdown_in_names_and_messages_is_shown_literally():
    odd = "`a``b <script>*x*\n# c"

    data = make_artifacts(make_failure(odd, message=f"{odd}```"))[1].data

    assert f"## ``` {escape(odd)} ```" in data
    assert f"> ```` {escape(odd)}``` ````" in data


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", "pipeline-text-summary"),
        ("Word Count!", "pipeline-word-count-summary"),
        ("größe/2", "pipeline-gr-e-2-summary"),
        ("…", "pipeline-summary"),
    ],
)
def test_keys_have_only_characters_that_prefect_allows(name, expected):
    assert expected == make_artifact_key(PipelineDefinition(name), "summary")


class Waiting(BaseJob):
    """Reports its progress, and in the middle of its work may wait for an event."""

    def __init__(self, event=None):
        self.event = event

    def validate_input(self, value):
        return value

    def single_job(self, value):
        for done in (1, 2, 3):
            self.progress(done * 10, 30, done)
            if done == 2 and self.event:
                assert self.event.wait(60)
        return value


def test_a_long_job_shows_its_progress(runner, page, monkeypatch):
    from prefect.client.orchestration import SyncPrefectClient

    shown = threading.Event()
    create = SyncPrefectClient.create_artifact

    def create_artifact(*arguments):
        created = create(*arguments)
        shown.set()
        return created

    monkeypatch.setattr(SyncPrefectClient, "create_artifact", create_artifact)
    monkeypatch.setattr(progress, "_INTERVAL", 0.1)
    calls = []
    pipeline = PipelineDefinition("long").add_job("wait", lambda _: Waiting(shown))

    runner(pipeline=pipeline).run_many(["patient"], progress=lambda *progress: calls.append(progress))
    artifact = page("patient").artifacts["progress"]

    assert ("pipeline-long-progress", "progress", 100) == (artifact.key, artifact.type, float(artifact.data))
    assert "wait patient: 30 of 30 bytes read, 3 records" == artifact.description
    assert ("wait", "patient", 20, 30, 2) in calls  # the caller's callback is called, too


def test_a_short_job_shows_no_progress(runner, page, monkeypatch):
    monkeypatch.setattr(progress, "_INTERVAL", 60)
    pipeline = PipelineDefinition("long").add_job("wait", lambda _: Waiting())

    runner(pipeline=pipeline).run("impatient")

    assert ["summary"] == list(page("impatient").artifacts)


def test_a_run_succeeds_even_if_its_artifacts_cannot_be_written(runner, sample, monkeypatch, ask):
    import httpx
    from prefect.client.orchestration import SyncPrefectClient

    refused = threading.Event()

    def refuse(*_):
        refused.set()
        raise httpx.ConnectError("no answer")

    monkeypatch.setattr(SyncPrefectClient, "create_artifact", refuse)
    monkeypatch.setattr(progress, "_INTERVAL", 0.1)
    pipeline = PipelineDefinition("long").add_job("wait", lambda _: Waiting(refused))

    assert runner().run(sample).success
    refused.clear()
    assert runner(pipeline=pipeline).run("anything").success
    assert (
        not runner(pipeline=PipelineDefinition("x").add_job("x", lambda _: FailingJob(OSError())))
        .run("x")
        .success
    )
