"""Failures are in the result, the same on both engines."""

import pytest

from pipeline_jobs import InputError, JobA, OutputError, PipelineError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineDefinition

BUSY = PipelineError("database.busy", "it is in use", retriable=True)


def make_pipeline(job, **settings):
    """Make a pipeline of one job, always the same object, which counts its attempts."""
    return PipelineDefinition("one").add_job("work", lambda _: job, retry_delay_seconds=0.01, **settings)


@pytest.mark.parametrize(
    ("times", "retries", "attempts", "code"),
    [(2, 2, 3, None), (2, 1, 2, "database.busy"), (1, 0, 1, "database.busy"), (0, 2, 1, None)],
)
def test_a_retriable_failure_is_retried(runner, times, retries, attempts, code):
    job = FailingJob(BUSY, times)

    result = runner(pipeline=make_pipeline(job, retries=retries)).run("7")

    assert (attempts, code, 1) == (job.attempts, result.code, len(result.jobs))


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("input.odd", "it is odd"), "input.odd", "it is odd"),
        (ZeroDivisionError("no"), "internal.ZeroDivisionError", "ZeroDivisionError: no"),
        (RuntimeError("no"), "internal.RuntimeError", "RuntimeError: no"),
        (OSError("no"), "internal.OSError", "OSError: no"),
        (TimeoutError(), "internal.TimeoutError", "TimeoutError: "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_any_exception_is_retried_but_an_error_that_is_not_retriable(runner, error, code, message):
    """Also an exception that Prefect itself might raise."""
    job = FailingJob(error)

    result = runner(pipeline=make_pipeline(job, retries=1), log_level="OFF").run("7")

    attempts = 1 if isinstance(error, PipelineError) else 2
    assert (attempts, code, message) == (job.attempts, result.code, result.error)
    assert error is result.jobs[0].exception


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OutputError("output.odd", "no"), "output.odd"),
        (ZeroDivisionError("no"), "internal.ZeroDivisionError"),
    ],
)
def test_a_factory_that_raises_is_a_failure_of_its_job(runner, sample, folder, error, code):
    """No job has run before, as all jobs are built first."""

    def broken(_run):
        raise error

    pipeline = PipelineDefinition("two").add_job("A", lambda run: JobA(run.output_dir)).add_job("B", broken)

    result = runner(pipeline=pipeline).run(sample)

    assert ([("B", code)], [sample]) == ([(job.job, job.code) for job in result.jobs], list(folder.iterdir()))


def test_an_unusable_database_is_refused_before_anything_is_written(runner, sample, folder):
    (folder / "p.db").write_text("not a database")

    result = runner().run(sample)

    assert ("B", "database.not_a_database") == (result.jobs[0].job, result.code)
    assert not (folder / "out").exists()


def test_job_a_alone_needs_no_database(runner, sample, folder):
    (folder / "p.db").write_text("not a database")

    assert runner().run_single("A", sample).success


def test_a_bad_input_does_not_stop_the_others(runner, folder):
    (folder / "bad.txt").write_bytes(b"\xff")
    (folder / "one.txt").write_text("one")
    (folder / "two.txt").write_text("two")

    results = runner().run_many(["one.txt", "bad.txt", {"a"}, "missing.txt", "two.txt"])

    codes = [None, "input.undecodable", "input.type", "input.missing", None]
    assert codes == [result.code for result in results]
    assert [1, None, None, None, 2] == [result.batch_id for result in results]


@pytest.mark.parametrize(
    ("settings", "start", "code"),
    [
        ({"db_path": "bad.db"}, "A", "database.not_a_database"),
        ({"output_dir": "bad.db"}, "A", "output.not_a_folder"),
        ({"output_dir": "bad.db/out"}, "A", "output.not_a_folder"),
    ],
)
def test_a_failure_that_concerns_all_inputs_skips_the_rest(runner, sample, folder, settings, start, code):
    (folder / "bad.db").write_text("neither a database nor a folder")

    results = runner(**settings).run_many([sample, "7", sample], start)

    skipped = ("orchestration.not_run", f"not run after {sample} failed: {code}")
    assert [code, skipped[0], skipped[0]] == [result.code for result in results]
    assert [("7", skipped[1]), (str(sample), skipped[1])] == [
        (result.input, result.error) for result in results[1:]
    ]


def test_an_interrupt_passes_through(runner, folder, capfd):
    """It leaves no file behind."""

    class Interrupted(FailingJob):
        def single_job(self, value):
            raise KeyboardInterrupt

    run = runner(pipeline=make_pipeline(Interrupted(BUSY), retries=2), log_level="OFF")
    with pytest.raises(KeyboardInterrupt):
        run.run(["data"])

    assert [] == list(folder.iterdir())
    assert ("", "") == capfd.readouterr()
