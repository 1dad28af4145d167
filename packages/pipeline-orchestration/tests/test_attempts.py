"""Attempts at a job: retries, delays, jitter, and concurrency limits."""

import logging
import time
from contextlib import contextmanager

import pytest

from pipeline_jobs import InputError, JobError, PipelineError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import JobSpec
from pipeline_orchestration.execution.attempts import execute_once, retry_failed
from pipeline_orchestration.execution.concurrency_limits import unlimited

BUSY = PipelineError("database.busy", "it is in use", retriable=True)


def run(job, limiter=unlimited, **settings):
    spec = JobSpec("B", lambda _: job, **{"retry_delay_seconds": 0.01} | settings)
    first = execute_once(spec, job, 7, limiter)
    return retry_failed(spec, job, 7, "x.txt", first, limiter)


@pytest.mark.parametrize(
    ("times", "retries", "attempts", "success"),
    [(0, 2, 1, True), (2, 2, 3, True), (2, 1, 2, False), (2, 0, 1, False), (None, 3, 4, False)],
)
def test_a_retriable_failure_is_retried(times, retries, attempts, success):
    job = FailingJob(BUSY, times)
    result = run(job, retries=retries)

    assert (attempts, success, 7 if success else None) == (job.attempts, result.success, result.output)


@pytest.mark.parametrize(
    ("error", "retry_on", "attempts"),
    [
        (ZeroDivisionError("no"), None, 4),
        (ZeroDivisionError("no"), (KeyError, ArithmeticError), 4),
        (ZeroDivisionError("no"), (KeyError,), 1),
        (ZeroDivisionError("no"), (), 1),
        (BUSY, (), 4),
        (InputError("input.odd", "no"), None, 1),
        (InputError("input.odd", "no"), (PipelineError,), 1),
        (JobError("job.exit", "no"), None, 1),
    ],
)
def test_which_failures_are_retried(error, retry_on, attempts):
    job = FailingJob(error)
    result = run(job, retries=3, retry_on=retry_on)

    assert (attempts, error) == (job.attempts, result.exception)


@pytest.mark.parametrize(("error", "attempts"), [(BUSY, 4), (ConnectionError("no"), 1), (KeyError(), 1)])
def test_what_validation_raises_is_retried_only_if_it_says_so(error, attempts):
    class Refusing(FailingJob):
        def validate_input(self, value):
            self.attempts += 1
            raise error

    job = Refusing()
    result = run(job, retries=3, retry_on=(KeyError,))

    assert (attempts, error) == (job.attempts, result.exception)


def test_a_failure_that_is_no_longer_retriable_ends_the_retries():
    class Worsening(FailingJob):
        def single_job(self, value):
            if self.attempts:
                self.error = InputError("input.odd", "no")
            return super().single_job(value)

    job = Worsening(BUSY)

    assert ("input.odd", 2) == (run(job, retries=3).code, job.attempts)


def test_each_retry_waits_twice_as_long_and_is_logged(caplog):
    caplog.set_level(logging.WARNING, "pipeline_orchestration")
    start = time.perf_counter()
    run(FailingJob(BUSY, 2), retries=2, retry_delay_seconds=0.1)

    assert 0.3 <= time.perf_counter() - start
    assert [
        "B x.txt failed, retrying in 0.1 s: it is in use",
        "B x.txt failed, retrying in 0.2 s: it is in use",
    ] == caplog.messages


@pytest.mark.parametrize("attempt", [0, 1])
def test_an_interrupt_passes_through(attempt):
    class Interrupted(FailingJob):
        def single_job(self, value):
            if self.attempts == attempt:
                raise KeyboardInterrupt
            return super().single_job(value)

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(BUSY), retries=3)


@pytest.mark.parametrize("factor", [0.5, 3])
def test_jitter_keeps_within_its_bounds(caplog, factor):
    """A delay is varied by a factor of up to 1 + the jitter factor, as on Prefect."""
    caplog.set_level(logging.WARNING, "pipeline_orchestration")
    run(FailingJob(BUSY, 20), retries=20, retry_delay_seconds=[0.02], retry_jitter_factor=factor)
    waited = [record.args[2] for record in caplog.records]

    assert 20 == len(set(waited))
    assert all(0.02 / (1 + factor) <= each <= 0.02 * (1 + factor) for each in waited)


def test_each_attempt_has_the_full_timeout_and_a_timeout_is_retried():
    class Slow(FailingJob):
        def single_job(self, value):
            self.attempts += 1
            time.sleep(0.05 if self.attempts == 3 else 10)  # less than half of the timeout
            return value

    job = Slow(BUSY)
    result = run(job, retries=2, timeout_seconds=0.3)

    assert (3, 7) == (job.attempts, result.output)


def test_a_slot_is_held_for_each_attempt_and_not_between_them():
    held = []

    @contextmanager
    def limiter(spec):
        held.append(f"{spec.name} in")
        yield
        held.append(f"{spec.name} out")

    job = FailingJob(BUSY, 1)
    run(job, limiter, retries=1)

    assert ["B in", "B out", "B in", "B out"] == held
