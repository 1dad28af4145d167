"""Whole runs and ranges of jobs, the same on both engines."""

from pathlib import Path

import pytest

from pipeline_jobs import BaseJob, BatchId, JobA
from pipeline_orchestration import PipelineDefinition, PipelineRunner, UsageError
from pipeline_orchestration.text_pipeline import pipeline as text


def summarize(result):
    """Return name, output and counts of each job."""
    return [(job.job, job.output, dict(job.counts)) for job in result.jobs]


def test_a_full_run(engine, runner, sample, folder, ask):
    result = runner().run(sample)

    assert [
        ("A", folder / "out/sample_processed.json", {"lines": 3, "records": 2, "blank": 1}),
        ("B", 1, {"records": 2}),
        ("C", 1, {"records": 2}),
    ] == summarize(result)
    assert (str(sample), engine, True, 1, 1) == (
        result.input,
        result.engine,
        result.success,
        result.output,
        result.batch_id,
    )
    assert isinstance(result.output, BatchId)
    assert all(job.seconds > 0 for job in result.jobs)
    assert [(1, "one"), (3, "three")] == ask("p.db", "SELECT line_number, content FROM finalized_records")


@pytest.mark.parametrize(
    ("start", "stop", "names"),
    [
        (None, None, "ABC"),
        (None, "B", "AB"),
        ("A", "A", "A"),
        ("B", None, "BC"),
        ("B", "B", "B"),
        ("C", None, "C"),
    ],
)
def test_a_range(runner, sample, start, stop, names):
    """A range takes what the job before it returns: A a file, B a document, C a batch id."""
    inputs = {
        "B": lambda: runner().run_single("A", sample).output,
        "C": lambda: runner().run_until("B", sample).output,
    }
    value = inputs.get(start, lambda: sample)()

    result = runner().run(value, start_from=start, stop_after=stop)

    assert list(names) == [job.job for job in result.jobs]
    assert result.success
    assert (names == "A") == (result.batch_id is None)


def test_each_range_has_a_method(runner, sample):
    run = runner()

    document = run.run_single("A", sample).output
    assert ["A", "B"] == [job.job for job in run.run_until("B", sample).jobs]
    assert ["B", "C"] == [job.job for job in run.run_from("B", document).jobs]
    assert ["A", "B", "C"] == [job.job for job in run.run_full(sample).jobs]
    assert ["A", "B", "C"] == run.available_jobs


@pytest.mark.parametrize(
    ("start", "stop", "code"),
    [("X", None, "usage.unknown_job"), (None, "X", "usage.unknown_job"), ("C", "A", "usage.reversed_range")],
)
def test_misuse_raises_before_anything_runs(runner, sample, folder, start, stop, code):
    with pytest.raises(UsageError) as caught:
        runner().run(sample, start, stop)

    assert code == caught.value.code
    assert [sample] == list(folder.iterdir())


def test_results_are_in_the_order_of_inputs(runner, folder):
    paths = [folder / f"{number}.txt" for number in range(3)]
    for path in paths:
        path.write_text(path.name)

    results = runner().run_many(iter(paths))

    assert [(str(path), number) for number, path in enumerate(paths, 1)] == [
        (result.input, result.batch_id) for result in results
    ]


def test_no_inputs_give_no_results(runner):
    assert [] == runner().run_many([])


@pytest.mark.parametrize(
    ("on_duplicate", "code", "batch_id", "duplicate"),
    [("skip", None, 1, True), ("load", None, 2, False), ("error", "batch.duplicate", None, False)],
)
def test_duplicates_are_skipped_loaded_or_refused(runner, sample, on_duplicate, code, batch_id, duplicate):
    runner().run(sample)

    result = runner(on_duplicate=on_duplicate).run(sample)

    assert (code, batch_id, duplicate) == (result.code, result.batch_id, result.duplicate)


def test_an_unfinished_batch_is_resumed(runner, sample):
    runner().run_until("B", sample)

    result = runner(on_duplicate="error").run(sample)

    assert (1, {"records": 2, "resumed": 2}) == (result.batch_id, result.jobs[1].counts)


def test_settings_reach_the_jobs(runner, folder):
    (folder / "x.txt").write_bytes(b"gr\xf6\xdfe")

    assert "input.undecodable" == runner().run("x.txt").code
    assert runner(encoding="latin-1").run("x.txt").success


class Report(BaseJob[BatchId, str]):
    """A user's job that follows job C."""

    def validate_input(self, value):
        return value

    def single_job(self, value):
        return f"batch {value} is finalized"


def test_a_job_may_be_added_to_the_jobs_of_the_text_pipeline(runner, sample):
    pipeline = PipelineDefinition("mine")
    for spec in text.select_jobs():
        pipeline.add_job(spec.name, spec.factory)
    pipeline.add_job("report", lambda _: Report())

    result = runner(pipeline=pipeline).run(sample)

    assert (["A", "B", "C", "report"], "batch 1 is finalized", 1) == (
        [job.job for job in result.jobs],
        result.output,
        result.batch_id,
    )


MINE = """
from pipeline_jobs import JobA
from pipeline_orchestration import PipelineDefinition
pipeline = PipelineDefinition("mine").add_job("split", lambda run: JobA(run.output_dir))
"""


@pytest.mark.parametrize("address", ["runner_{engine}:pipeline", "runner_{engine}.py:pipeline", None])
def test_a_pipeline_is_given_by_its_address_or_as_an_object(
    engine, runner, sample, folder, monkeypatch, address
):
    monkeypatch.syspath_prepend(folder)
    (folder / f"runner_{engine}.py").write_text(MINE)
    mine = PipelineDefinition("mine").add_job("split", lambda run: JobA(run.output_dir))

    result = runner(pipeline=address.format(engine=engine) if address else mine).run(sample)

    assert [("split", Path("out/sample_processed.json").absolute())] == [
        (job.job, job.output) for job in result.jobs
    ]


def test_settings_that_are_not_given_come_from_files_and_environment(folder, monkeypatch):
    (folder / "pipeline.toml").write_text('output_dir = "from_file"\nengine = "local"')
    monkeypatch.setenv("PIPELINE_DB_PATH", "from_variable.db")

    config = PipelineRunner(log_level="OFF").config

    assert (folder / "from_file", folder / "from_variable.db", "local", "OFF") == (
        config.output_dir,
        config.db_path,
        config.engine,
        config.log_level,
    )


def test_progress_is_reported(runner, sample):
    """At least once for a job that reads a file: at its end."""
    calls = []

    runner().run_many([sample], progress=lambda *progress: calls.append(progress))

    assert [("A", str(sample), 11, 11, 2)] == [each for each in calls if each[0] == "A"][-1:]
