"""What a run leaves on its page in Prefect."""

import json
import time

import pytest

from pipeline_jobs import BaseJob, JobResult, PipelineError, shown
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineConfig, PipelineDefinition, PipelineRunner, RunResult
from pipeline_orchestration.on_prefect import artifacts, moving
from pipeline_orchestration.on_prefect.artifacts import Ran, key
from pipeline_orchestration.text import pipeline as text


@pytest.fixture
def runner(prefect_server, folder):
    """Makes runners on Prefect."""

    def made(**settings):
        settings = {"output_dir": "out", "db_path": "p.db", "log_level": "OFF"} | settings
        return PipelineRunner(engine="prefect", **settings)

    return made


def test_a_run_is_summed_up(runner, folder, sample, page):
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


def test_a_failure_is_explained_with_the_command_that_continues(runner, sample, page, folder):
    """Which says where, and all that is not a default there: it may be typed anywhere on that machine."""
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


def told(*results, address="x.py:pipeline", **settings):
    config = PipelineConfig(**settings)
    ran = Ran(text, address, config, [each.input for each in results], None, None, results, 1.5)
    return artifacts._summary(ran), artifacts._failure(ran)


def failed(name, code="input.missing", message="no such file", *, before=()):
    error = PipelineError(code, message)
    return RunResult(name, "prefect", (*before, JobResult("B" if before else "A", exception=error)))


def test_of_many_inputs_the_failures_come_first_and_the_size_is_bounded():
    done = [RunResult(f"{n}.txt", "prefect", (JobResult("A", "x"),)) for n in range(9_900)]
    bad = [failed(f"bad {n}.txt", message="x" * 100_000) for n in range(99)]

    summary, failure = told(*done[:50], *bad, *done[50:])
    rows = json.loads(summary.data)

    assert ["bad 0.txt", "bad 98.txt", "0.txt"] == [rows[n]["input"] for n in (0, 98, 99)]
    assert 100 == len(rows)
    assert summary.description == (
        "9900 done, 99 failed; 0 records in 1.500 s. Of 9,999 inputs, 100 are listed, failures first."
    )
    assert failure.data.endswith("… and 89 more.")
    assert len(summary.data) < 100_000 > 10 * len(failure.data)


def test_the_command_needs_an_address_and_an_input_with_a_name():
    """A definition that was handed over as an object, or data, is in no other process."""
    made = JobResult("A", "x.json")
    busy = failed("x.txt", "database.busy", "in use", before=[made])

    assert "--pipeline x.py:pipeline run --start-from B x.json" in told(busy)[1].data
    assert "--pipeline" not in told(busy, address="pipeline_orchestration.text:pipeline")[1].data
    for nameless in (
        told(busy, address="text"),
        told(failed("json:file:///x", "database.busy", "x", before=[made])),
    ):
        assert "the same run again goes on" in nameless[1].data


def test_what_markdown_would_read_is_shown_as_it_is():
    odd = "`a``b <script>*x*\n# c"

    data = told(failed(odd, message=f"{odd}```"))[1].data

    assert f"## ``` {shown(odd)} ```" in data
    assert f"> ```` {shown(odd)}``` ````" in data


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", "pipeline-text-summary"),
        ("Word Count!", "pipeline-word-count-summary"),
        ("größe/2", "pipeline-gr-e-2-summary"),
        ("…", "pipeline-summary"),
    ],
)
def test_keys_are_what_prefect_takes(name, expected):
    assert expected == key(PipelineDefinition(name), "summary")


class Long(BaseJob):
    """Takes a while, and says how far it is."""

    def validate_input(self, value):
        return value

    def single_job(self, value):
        for done in (1, 2, 3):
            self.progress(done * 10, 30, done)
            time.sleep(0.2)
        return value


def test_a_long_job_shows_how_far_it_is(runner, page, monkeypatch):
    monkeypatch.setattr(moving, "_PATIENCE", 0.1)
    seen = []
    pipeline = PipelineDefinition("long").add_job("wait", lambda _: Long())

    runner(pipeline=pipeline).run_many(["patient"], progress=lambda *note: seen.append(note))
    progress = page("patient").artifacts["progress"]

    assert ("pipeline-long-progress", "progress", 100) == (progress.key, progress.type, float(progress.data))
    assert "wait patient: 30 of 30 bytes read, 3 records" == progress.description
    assert ("wait", "patient", 20, 30, 2) in seen  # who asked for it is told as well


def test_a_short_job_shows_none(runner, page):
    pipeline = PipelineDefinition("long").add_job("wait", lambda _: Long())

    runner(pipeline=pipeline).run("impatient")

    assert ["summary"] == list(page("impatient").artifacts)


def test_a_run_that_is_done_is_done_though_its_artifacts_cannot_be_written(runner, sample, monkeypatch, ask):
    """An answer that refuses each of them."""
    import httpx
    from prefect.client.orchestration import SyncPrefectClient

    def refused(*_):
        raise httpx.ConnectError("away")

    monkeypatch.setattr(SyncPrefectClient, "create_artifact", refused)
    monkeypatch.setattr(moving, "_PATIENCE", 0.1)
    pipeline = PipelineDefinition("long").add_job("wait", lambda _: Long())

    assert runner().run(sample).success
    assert runner(pipeline=pipeline).run("anything").success
    assert (
        not runner(pipeline=PipelineDefinition("x").add_job("x", lambda _: FailingJob(OSError())))
        .run("x")
        .success
    )
