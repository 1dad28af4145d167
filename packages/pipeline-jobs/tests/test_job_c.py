"""Job C: a batch is finalized, given by its id as a number or as text."""

import pytest

from pipeline_jobs import BaseJob, BatchId, JobB, JobC
from pipeline_jobs.testing import JobContract, MemoryStore


def make_loaded_store():
    store = MemoryStore()
    JobB(store).execute(["a", "b"]).unwrap()
    return store


class TestJobC(JobContract):
    """The contract of every job."""

    good = "1"
    bad = "1.0"

    def build(self) -> BaseJob[BatchId, BatchId]:
        return JobC(make_loaded_store())


@pytest.mark.parametrize("value", [1, "1", BatchId(1)])
def test_batch_is_finalized(value):
    store = make_loaded_store()

    result = JobC(store).execute(value)

    assert (1, {"records": 2}) == (result.output, result.counts)
    assert {1} == store.finalized


def test_finalizing_twice_has_the_same_result():
    store = make_loaded_store()

    first, second = JobC(store).execute(1), JobC(store).execute(1)

    assert (first.output, first.counts) == (second.output, second.counts)


def test_unknown_batch_is_a_batch_error():
    result = JobC(make_loaded_store()).execute(7)

    assert ("batch.not_found", "no batch with id 7") == (result.code, result.error)
    assert 7 == result.exception.batch_id


@pytest.mark.parametrize("value", [None, 0, -1, True, 1.0, 2**63, "abc", "1_000", "٣", "", [1]])
def test_invalid_batch_id_is_refused(value):
    store = make_loaded_store()

    result = JobC(store).execute(value)

    assert result.code in ("input.id", "input.type")
    assert set() == store.finalized
