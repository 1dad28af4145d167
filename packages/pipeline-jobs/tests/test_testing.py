"""The help for tests does what it says, and a contract fails for a job or store that breaks it."""

import doctest
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import (
    BaseJob,
    BatchError,
    Finalized,
    InputError,
    Loaded,
    OnDuplicate,
    Source,
    testing,
)
from pipeline_jobs.testing import FailingJob, JobContract, MemoryStore, StoreContract


class TestMemoryStore(StoreContract):
    """The contract of every store."""

    def build(self):
        return MemoryStore()

    def read(self, store, batch_id):
        return store.batches[batch_id]


def test_failing_job_fails_a_number_of_times():
    job = FailingJob(BatchError("batch.some", "a message", retriable=True), times=2)

    results = [job.execute("x") for _ in range(3)]

    assert [False, False, True] == [result.success for result in results]
    assert ("x", 3) == (results[2].output, job.attempts)


def test_failing_job_fails_always_by_default():
    job = FailingJob(ValueError("no"))

    assert {"internal.ValueError"} == {job.execute("x").code for _ in range(5)}


def test_failing_job_has_its_own_error():
    result = FailingJob().execute("x")

    assert ("internal.FailingJob", "failed on purpose, as a FailingJob does", False) == (
        result.code,
        result.error,
        result.retriable,
    )


def test_failing_job_may_fail_once_with_a_retriable_error():
    job = FailingJob(times=1, retriable=True)

    results = [job.execute("x") for _ in range(3)]

    assert [(False, True), (True, False), (True, False)] == [(r.success, r.retriable) for r in results]


@given(st.integers(), st.floats(0, 1))
def test_failures_can_be_reproduced_by_the_seed(seed, probability):
    one, other = (FailingJob(probability=probability, seed=seed) for _ in range(2))

    assert [one.execute(n).success for n in range(20)] == [other.execute(n).success for n in range(20)]


@pytest.mark.parametrize(
    ("probability", "least", "most"), [(0, 0, 0), (0.1, 60, 140), (0.5, 430, 570), (1, 1000, 1000)]
)
def test_failing_job_fails_with_the_given_probability(probability, least, most):
    job = FailingJob(probability=probability, seed=1)

    assert least <= [job.execute("x").success for _ in range(1000)].count(False) <= most


def test_failing_job_counts_failures_not_attempts():
    """`times` limits the failures, not the attempts."""
    job = FailingJob(times=2, probability=0.2, seed=1)

    failures = [number for number in range(100) if not job.execute("x").success]

    assert 2 == len(failures)
    assert failures[1] > 1
    assert 100 == job.attempts


CRASH = """
import atexit
import sys
from pipeline_jobs.testing import CrashingJob

atexit.register(print, "exited normally")
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


def test_crashing_job_kills_its_process():
    assert (-signal.SIGKILL, []) == crash(1)


def test_crashing_job_with_probability_zero_never_crashes():
    assert (0, [*map(str, range(20)), "rolled back", "exited normally"]) == crash(0)


def test_crash_can_be_reproduced_by_the_seed():
    first, second, other = crash(0.2, 5), crash(0.2, 5), crash(0.2, 6)

    assert first == second != other
    assert -signal.SIGKILL == first[0]
    assert first[1] == list(map(str, range(len(first[1]))))


def test_docstring_examples_are_correct():
    assert (0, True) == (doctest.testmod(testing).failed, doctest.testmod(testing).attempted > 0)


class Good(BaseJob[str, str]):
    def validate_input(self, value):
        if not isinstance(value, str):
            raise InputError("input.type", "expected text")
        return value

    def single_job(self, value):
        self.counts["seen"] += 1
        return value


class WrongError(Good):
    """Raises TypeError where it should raise InputError."""

    def validate_input(self, value):
        if not isinstance(value, str):
            raise TypeError("expected text")
        return value


class ContinuedCount(Good):
    """Continues the count of its last run."""

    seen = 0

    def single_job(self, value):
        self.seen += 1
        self.counts["seen"] = self.seen
        return value


class KeptCounts(Good):
    """Counts nothing, and keeps the counts that are there at the start."""

    kept = Counter()

    @property
    def counts(self):
        return self.kept

    @counts.setter
    def counts(self, value):
        pass

    def single_job(self, value):
        return value


class UnpicklableOutput(Good):
    """Returns an output that cannot be pickled."""

    def single_job(self, value):
        return lambda: value


def find_failing_tests(contract):
    failing = []
    for name in dir(contract):
        if name.startswith("test_"):
            try:
                getattr(contract(), name)()
            except Exception:  # noqa: BLE001  # a test may fail in any way
                failing.append(name)
    return failing


@pytest.mark.parametrize(
    ("job", "failing"),
    [
        (Good, []),
        (WrongError, ["test_bad_input_is_returned_not_raised"]),
        (ContinuedCount, ["test_counts_are_fresh_for_each_run"]),
        (KeptCounts, ["test_counts_are_fresh_for_each_run"]),
        (UnpicklableOutput, ["test_results_survive_pickling"]),
        (lambda: FailingJob(InputError("input.some", "no")), ["test_good_input_succeeds"]),
    ],
)
def test_contract_fails_for_a_job_that_breaks_it(job, failing):
    class Contract(JobContract):
        good = "text"
        bad = None

        def build(self):
            return job()

    assert failing == find_failing_tests(Contract)


class LosesTheLastRecord(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        loaded = super().load(source, chunks, on_duplicate)
        self.batches[loaded.batch_id] = self.batches[loaded.batch_id][:3]
        return loaded


class RefusesEmptyBatches(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        return super().load(source, [next(iter(chunks)), *chunks], on_duplicate)


class NeverResumes(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        self._identities.clear()
        return super().load(source, chunks, on_duplicate)


class NeverRefuses(MemoryStore):
    def load(self, source, chunks, _):
        return super().load(source, chunks, OnDuplicate.SKIP)


class KnowsNamesOnly(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        return super().load(Source(f"file:///{source.name}", source.name), chunks, on_duplicate)


class KnowsContentsOnly(MemoryStore):
    def _keep(self, source, records, _, on_duplicate):
        return super()._keep(source, records, "".join(each.content for each in records), on_duplicate)


class LoadsChunkByChunk(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        for chunk in chunks:
            loaded = super().load(source, [chunk], on_duplicate)
        return loaded


class WrapsExceptions(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        try:
            return super().load(source, chunks, on_duplicate)
        except BaseException as error:
            raise RuntimeError("a load failed") from error


class FinalizesAgain(MemoryStore):
    def finalize(self, batch_id):
        return Finalized(batch_id, super().finalize(batch_id).record_count)


class FinalizesAnything(MemoryStore):
    def finalize(self, batch_id):
        return super().finalize(batch_id) if batch_id in self.batches else Finalized(batch_id, 0)


class HasNoLock(MemoryStore):
    """Each of the loads looks for the batch before one of them keeps it."""

    def __init__(self):
        super().__init__()
        self.waiting = threading.Barrier(4)

    def load(self, source, chunks, on_duplicate):
        is_known = any(self._identities)
        with suppress(threading.BrokenBarrierError):
            if not is_known and threading.current_thread() is not threading.main_thread():
                self.waiting.wait(10)
                loaded = super().load(
                    Source(f"{source.uri}{threading.get_ident()}", "x"), chunks, on_duplicate
                )
                return Loaded(loaded.batch_id, loaded.record_count)
        return super().load(source, chunks, on_duplicate)


class ForgetsContents(MemoryStore):
    def _keep(self, source, records, _, on_duplicate):
        return super()._keep(source, records, str([each.line_number for each in records]), on_duplicate)


class FinalizesAll(MemoryStore):
    def finalize(self, batch_id):
        finalized = super().finalize(batch_id)
        self.finalized.update(self.batches)
        return finalized


class ForgetsAfterAFailure(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        try:
            return super().load(source, chunks, on_duplicate)
        except BaseException:
            for records in self.batches.values():
                records.clear()
            raise


class EmptiesTheOlderBatch(MemoryStore):
    def load(self, source, chunks, on_duplicate):
        loaded = super().load(source, chunks, on_duplicate)
        if on_duplicate is OnDuplicate.LOAD and loaded.batch_id > 1:
            self.batches[loaded.batch_id - 1] = []
        return loaded


def test_contract_holds_for_a_store_that_keeps_it():
    assert [] == find_failing_tests(TestMemoryStore)


@pytest.mark.parametrize(
    ("store", "failing"),
    [
        (LosesTheLastRecord, "test_a_batch_is_kept"),
        (RefusesEmptyBatches, "test_a_batch_may_be_empty"),
        (NeverResumes, "test_an_unfinished_batch_is_resumed"),
        (NeverResumes, "test_the_division_into_chunks_makes_no_difference"),
        (NeverRefuses, "test_a_finalized_batch_is_a_duplicate"),
        (KnowsNamesOnly, "test_other_records_or_another_source_are_another_batch"),
        (KnowsContentsOnly, "test_other_records_or_another_source_are_another_batch"),
        (LoadsChunkByChunk, "test_an_exception_of_the_records_leaves_nothing"),
        (WrapsExceptions, "test_an_exception_of_the_records_leaves_nothing"),
        (FinalizesAgain, "test_finalizing_twice_is_allowed"),
        (FinalizesAnything, "test_an_unknown_batch_is_an_error"),
        (ForgetsContents, "test_other_records_or_another_source_are_another_batch"),
        (FinalizesAll, "test_finalizing_twice_is_allowed"),
        (ForgetsAfterAFailure, "test_an_exception_of_the_records_leaves_nothing"),
        (EmptiesTheOlderBatch, "test_a_finalized_batch_is_a_duplicate"),
        (HasNoLock, "test_loads_at_the_same_time_are_one_batch"),
    ],
)
def test_contract_fails_for_a_store_that_breaks_it(store, failing):
    class Contract(TestMemoryStore):
        def build(self):
            return store()

    assert failing in find_failing_tests(Contract)


@pytest.mark.parametrize("contract", [JobContract, StoreContract])
def test_contract_without_build_raises(contract):
    with pytest.raises(NotImplementedError):
        contract().build()
