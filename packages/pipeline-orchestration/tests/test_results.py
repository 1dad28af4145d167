"""The result of a run, derived from the results of its jobs."""

from dataclasses import FrozenInstanceError

import pytest

from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_orchestration import OrchestrationError, RunResult

MISSING = InputError("input.missing", "x.txt: no such file")
GAVE_UP = OrchestrationError("orchestration.failed", "Prefect gave up")


def summarize(result):
    return result.success, result.output, result.error, result.code, result.batch_id, result.duplicate


def test_a_run_has_the_output_of_its_last_job():
    jobs = (JobResult("A", "x.json"), JobResult("B", BatchId(7)))

    assert (True, 7, None, None, 7, False) == summarize(RunResult("x.txt", "local", jobs))


def test_a_failed_job_is_a_failed_run():
    jobs = (JobResult("A", "x.json"), JobResult("B", exception=MISSING))

    expected = (False, None, "x.txt: no such file", "input.missing", None, False)
    assert expected == summarize(RunResult("x.txt", "local", jobs))


def test_an_error_before_the_jobs_is_a_failure_of_no_job():
    result = RunResult("x.txt", "prefect", exception=GAVE_UP)

    assert (False, None, "Prefect gave up", "orchestration.failed", None, False) == summarize(result)
    assert "" == result.last.job


def test_an_error_of_the_run_has_precedence_over_results_of_jobs():
    result = RunResult("x.txt", "prefect", (JobResult("A", "x.json"),), GAVE_UP)

    assert "orchestration.failed" == result.code


def test_the_batch_is_known_after_a_later_failure():
    """The command that resumes the run needs it."""
    jobs = (JobResult("B", BatchId(7)), JobResult("C", exception=MISSING))

    assert 7 == RunResult("x.txt", "local", jobs).batch_id


def test_a_plain_number_is_not_a_batch_id():
    assert None is RunResult("x.txt", "local", (JobResult("count", 7),)).batch_id


@pytest.mark.parametrize("counts", [{"records": 2, "duplicate": 2}, {"records": 0, "duplicate": 0}])
def test_a_duplicate_is_known_by_its_counts(counts):
    assert RunResult("x.txt", "local", (JobResult("B", BatchId(7), counts=counts),)).duplicate


def test_a_result_is_frozen():
    with pytest.raises(FrozenInstanceError):
        RunResult("x.txt", "local").engine = "prefect"
