"""What is shipped for tests keeps its own promises, and finds who does not keep the job's."""

import doctest
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import BatchError, InputError, OnDuplicate, Record, Source, testing
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


def test_a_failing_job_has_an_error_of_its_own():
    result = FailingJob().execute("x")

    assert ("internal.FailingJob", "failed, as it was told to", False) == (
        result.code,
        result.error,
        result.retriable,
    )


def test_a_failing_job_may_fail_once_and_retriably():
    job = FailingJob(times=1, retriable=True)

    results = [job.execute("x") for _ in range(3)]

    assert [(False, True), (True, False), (True, False)] == [(r.success, r.retriable) for r in results]


@given(st.integers(), st.floats(0, 1))
def test_chance_can_be_reproduced(seed, probability):
    one, other = (FailingJob(probability=probability, seed=seed) for _ in range(2))

    assert [one.execute(n).success for n in range(20)] == [other.execute(n).success for n in range(20)]


@pytest.mark.parametrize(
    ("probability", "least", "most"), [(0, 0, 0), (0.1, 60, 140), (0.5, 430, 570), (1, 1000, 1000)]
)
def test_a_failing_job_fails_as_likely_as_told(probability, least, most):
    job = FailingJob(probability=probability, seed=1)

    assert least <= [job.execute("x").success for _ in range(1000)].count(False) <= most


def test_a_failing_job_that_may_fail_twice_does_so_by_chance_and_no_more():
    """What counts is how often it failed, not how often it was tried."""
    job = FailingJob(times=2, probability=0.2, seed=1)

    failures = [number for number in range(100) if not job.execute("x").success]

    assert 2 == len(failures)
    assert failures[1] > 1
    assert 100 == job.attempts


CRASH = """
import atexit
import sys
from pipeline_jobs.testing import CrashingJob

atexit.register(print, "ended in good order")
job = CrashingJob(float(sys.argv[1]), seed=int(sys.argv[2]))
try:
    for number in range(20):
        print(job.execute(number).output, flush=True)
finally:
    print("rolled back", flush=True)
"""


def crash(probability, seed=1):
    done = subprocess.run(
        [sys.executable, "-c", CRASH, str(probability), str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.split("\n")[:-1]


def test_a_crashing_job_ends_its_process_at_once():
    assert (-signal.SIGKILL, []) == crash(1)


def test_a_crashing_job_may_never_crash():
    assert (0, [*map(str, range(20)), "rolled back", "ended in good order"]) == crash(0)


def test_a_crash_can_be_reproduced():
    first, second, other = crash(0.2, 5), crash(0.2, 5), crash(0.2, 6)

    assert first == second != other
    assert -signal.SIGKILL == first[0]
    assert first[1] == list(map(str, range(len(first[1]))))


def test_the_examples_are_true():
    assert (0, True) == (doctest.testmod(testing).failed, doctest.testmod(testing).attempted > 0)
