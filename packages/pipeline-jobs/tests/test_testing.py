"""What is shipped for tests keeps its own promises, and finds who does not keep the job's."""

import pytest

from pipeline_jobs import BatchError, InputError, OnDuplicate, Record, Source
from pipeline_jobs.testing import FailingJob, MemoryStore

SOURCE = Source("file:///x.txt", "x.txt")
CHUNKS = [[Record(1, "a")], [], [Record(2, "b"), Record(3, "c")]]


def load(store, source=SOURCE, chunks=CHUNKS, on_duplicate=OnDuplicate.SKIP):
    return store.load(source, iter(chunks), on_duplicate)


def test_a_store_keeps_a_batch():
    store = MemoryStore()

    loaded = load(store)

    assert (1, 3, False, False) == (loaded.batch_id, loaded.record_count, loaded.duplicate, loaded.resumed)
    assert {1: [Record(1, "a"), Record(2, "b"), Record(3, "c")]} == store.batches


def test_an_unfinished_batch_is_resumed_whatever_is_said_of_duplicates():
    store = MemoryStore()
    load(store)

    for each in OnDuplicate:
        loaded = load(store, on_duplicate=each)
        assert (1, True, False) == (loaded.batch_id, loaded.resumed, loaded.duplicate)


def test_a_finalized_batch_is_a_duplicate():
    store = MemoryStore()
    store.finalize(load(store).batch_id)

    skipped = load(store)
    with pytest.raises(BatchError) as caught:
        load(store, on_duplicate=OnDuplicate.ERROR)
    again = load(store, on_duplicate=OnDuplicate.LOAD)
    store.finalize(again.batch_id)

    assert (1, 3, True) == (skipped.batch_id, skipped.record_count, skipped.duplicate)
    assert ("batch.duplicate", 1) == (caught.value.code, caught.value.batch_id)
    assert "x.txt: batch 1 holds these records already" == str(caught.value)
    assert (2, False) == (again.batch_id, again.duplicate)
    assert 2 == load(store).batch_id  # the newest


@pytest.mark.parametrize(
    ("source", "chunks"),
    [(Source("file:///y.txt", "x.txt"), CHUNKS), (SOURCE, [[Record(1, "a")]]), (SOURCE, [])],
)
def test_another_source_or_other_records_are_another_batch(source, chunks):
    store = MemoryStore()
    store.finalize(load(store).batch_id)

    assert 2 == load(store, source, chunks).batch_id


def test_an_error_of_the_iterator_leaves_nothing():
    def broken():
        yield [Record(1, "a")]
        raise InputError("input.some", "so it is")

    store = MemoryStore()
    with pytest.raises(InputError, match="so it is"):
        load(store, chunks=broken())

    assert {} == store.batches


def test_finalizing_twice_says_so():
    store = MemoryStore()
    load(store)

    first, second = store.finalize(1), store.finalize(1)

    assert ((1, 3, False), (1, 3, True)) == (
        (first.batch_id, first.record_count, first.already),
        (second.batch_id, second.record_count, second.already),
    )


def test_an_unknown_batch_cannot_be_finalized():
    with pytest.raises(BatchError, match="no batch with id 1"):
        MemoryStore().finalize(1)


def test_a_failing_job_fails_as_often_as_told():
    job = FailingJob(BatchError("batch.some", "so it is", retriable=True), times=2)

    results = [job.execute("x") for _ in range(3)]

    assert [False, False, True] == [result.success for result in results]
    assert ("x", 3) == (results[2].output, job.attempts)


def test_a_failing_job_may_always_fail():
    job = FailingJob(ValueError("no"))

    assert {"internal.ValueError"} == {job.execute("x").code for _ in range(5)}
