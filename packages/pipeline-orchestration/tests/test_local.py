"""The engine that needs nothing."""

import logging
import time
from contextlib import contextmanager

import pytest

from pipeline_jobs import InputError, PipelineError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import JobSpec
from pipeline_orchestration.local import execute

BUSY = PipelineError("database.busy", "it is in use", retriable=True)


def run(job, **settings):
    return execute(JobSpec("B", lambda _: job, **{"retry_delay_seconds": 0.01} | settings), job, 7, "x.txt")


@pytest.mark.parametrize(
    ("times", "retries", "attempts", "success"),
    [(0, 2, 1, True), (2, 2, 3, True), (2, 1, 2, False), (2, 0, 1, False), (None, 3, 4, False)],
)
def test_a_retriable_failure_is_tried_again(times, retries, attempts, success):
    job = FailingJob(BUSY, times)
    result = run(job, retries=retries)

    assert (attempts, success, 7 if success else None) == (job.attempts, result.success, result.output)


@pytest.mark.parametrize("error", [InputError("input.odd", "no"), ZeroDivisionError("no")])
def test_any_other_failure_is_not(error):
    job = FailingJob(error)
    result = run(job, retries=3)

    assert (1, error) == (job.attempts, result.exception)


def test_a_failure_that_is_no_longer_retriable_ends_it():
    class Worsening(FailingJob):
        def single_job(self, value):
            if self.attempts:
                self.error = InputError("input.odd", "no")
            return super().single_job(value)

    job = Worsening(BUSY)

    assert ("input.odd", 2) == (run(job, retries=3).code, job.attempts)


def test_each_retry_waits_twice_as_long_and_is_told(caplog):
    caplog.set_level(logging.WARNING, "pipeline_orchestration")
    start = time.perf_counter()
    run(FailingJob(BUSY, 2), retries=2, retry_delay_seconds=0.1)

    assert 0.3 < time.perf_counter() - start < 3
    assert [
        "B x.txt failed and is tried again in 0.1 s: it is in use",
        "B x.txt failed and is tried again in 0.2 s: it is in use",
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
    """1 + the factor, as on Prefect."""
    caplog.set_level(logging.WARNING, "pipeline_orchestration")
    run(FailingJob(BUSY, 20), retries=20, retry_delay_seconds=[0.02], retry_jitter_factor=factor)
    waited = [record.args[2] for record in caplog.records]

    assert 20 == len(set(waited))
    assert all(0.02 / (1 + factor) <= each <= 0.02 * (1 + factor) for each in waited)


def test_each_try_has_the_whole_time_and_one_that_is_ended_is_tried_again():
    class Slow(FailingJob):
        def single_job(self, value):
            self.attempts += 1
            time.sleep(0.15 if self.attempts == 3 else 10)
            return value

    job = Slow(BUSY)
    result = run(job, retries=2, timeout_seconds=0.2)

    assert (3, 7) == (job.attempts, result.output)


def test_a_slot_is_held_for_each_try_and_not_between_them():
    held = []

    @contextmanager
    def slot(spec):
        held.append(f"{spec.name} in")
        yield
        held.append(f"{spec.name} out")

    job = FailingJob(BUSY, 1)
    execute(JobSpec("B", lambda _: job, 1, 0.01), job, 7, "x.txt", slot)

    assert ["B in", "B out", "B in", "B out"] == held
