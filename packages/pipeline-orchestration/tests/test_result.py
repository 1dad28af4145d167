"""What a run came to is derived from its jobs."""

from dataclasses import FrozenInstanceError

import pytest

from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_orchestration import OrchestrationError, RunResult

MISSING = InputError("input.missing", "x.txt: no such file")
AWAY = OrchestrationError("orchestration.failed", "Prefect gave up")


def summary(result):
    return result.success, result.output, result.error, result.code, result.batch_id, result.duplicate


def test_the_last_job_decides():
    jobs = (JobResult("A", "x.json"), JobResult("B", BatchId(7)))

    assert (True, 7, None, None, 7, False) == summary(RunResult("x.txt", "local", jobs))


def test_a_failed_job_is_a_failed_run():
    jobs = (JobResult("A", "x.json"), JobResult("B", exception=MISSING))

    expected = (False, None, "x.txt: no such file", "input.missing", None, False)
    assert expected == summary(RunResult("x.txt", "local", jobs))


def test_what_kept_the_jobs_from_running_is_a_failure_too():
    result = RunResult("x.txt", "prefect", exception=AWAY)

    assert (False, None, "Prefect gave up", "orchestration.failed", None, False) == summary(result)
    assert "" == result.last.job


def test_it_outweighs_the_jobs_that_ran():
    result = RunResult("x.txt", "prefect", (JobResult("A", "x.json"),), AWAY)

    assert "orchestration.failed" == result.code


def test_a_batch_stays_known_after_a_later_failure():
    """The command that continues needs it."""
    jobs = (JobResult("B", BatchId(7)), JobResult("C", exception=MISSING))

    assert 7 == RunResult("x.txt", "local", jobs).batch_id


def test_a_number_is_not_taken_for_a_batch():
    assert None is RunResult("x.txt", "local", (JobResult("count", 7),)).batch_id


@pytest.mark.parametrize("counts", [{"records": 2, "duplicate": 2}, {"records": 0, "duplicate": 0}])
def test_a_duplicate_is_told_by_what_was_counted(counts):
    assert RunResult("x.txt", "local", (JobResult("B", BatchId(7), counts=counts),)).duplicate


def test_a_result_is_data():
    with pytest.raises(FrozenInstanceError):
        RunResult("x.txt", "local").engine = "prefect"
