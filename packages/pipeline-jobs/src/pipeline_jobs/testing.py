"""Help for tests: a store in memory, jobs that fail or crash on purpose, contracts for jobs and stores."""

import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

from .base import BaseJob
from .batch_store import BatchId, BatchStore, Finalized, Loaded, OnDuplicate
from .documents.records import Record, RecordsDigest
from .exceptions import BatchError, InputError, Interruption, PipelineError
from .storage.location import Source


class MemoryStore:
    """A ``BatchStore`` that keeps its batches in a dictionary.

    Attributes:
        batches: the records of each batch, by its id.
        finalized: the ids of the finalized batches.
    """

    def __init__(self) -> None:
        self.batches: dict[int, list[Record]] = {}
        self.finalized: set[int] = set()
        self._identities: dict[int, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:
        """Keep the records as a batch, as described in ``BatchStore.load``."""
        digest = RecordsDigest()
        records: list[Record] = []
        for chunk in chunks:
            digest.update(chunk)
            records.extend(chunk)
        with self._lock:
            return self._keep(source, records, digest.sha256, on_duplicate)

    def _keep(self, source: Source, records: list[Record], sha256: str, on_duplicate: OnDuplicate) -> Loaded:
        identity = (source.uri, sha256)
        same = [BatchId(batch_id) for batch_id, known in self._identities.items() if known == identity]
        if unfinished := [batch_id for batch_id in same if batch_id not in self.finalized]:
            return Loaded(unfinished[-1], len(records), resumed=True)
        if same and on_duplicate is OnDuplicate.ERROR:
            text = f"{source.name}: batch {same[-1]} holds these records already"
            raise BatchError("batch.duplicate", text, batch_id=same[-1])
        if same and on_duplicate is OnDuplicate.SKIP:
            return Loaded(same[-1], len(records), duplicate=True)
        batch_id = BatchId(len(self.batches) + 1)
        self.batches[batch_id] = records
        self._identities[batch_id] = identity
        return Loaded(batch_id, len(records))

    def finalize(self, batch_id: int) -> Finalized:
        """Mark the batch as complete, as described in ``BatchStore.finalize``."""
        if batch_id not in self.batches:
            raise BatchError("batch.not_found", f"no batch with id {batch_id}", batch_id=batch_id)
        already = batch_id in self.finalized
        self.finalized.add(batch_id)
        return Finalized(BatchId(batch_id), len(self.batches[batch_id]), already)


class _ChanceJob(BaseJob[object, object]):
    """The base of jobs that do something with a given probability, and else return their input."""

    def __init__(self, probability: float, seed: int | None) -> None:
        self.probability = probability
        self._random = Random(seed)  # noqa: S311  # reproducible, not secret

    def validate_input(self, value: object) -> object:
        """Accept any value."""
        return value

    def _draw(self) -> bool:
        return self._random.random() < self.probability


class FailingJob(_ChanceJob):
    """Fails always, a number of times, or by chance; else it returns its input.

    Args:
        error: the error it raises; if None, a ``PipelineError`` with the code ``internal.FailingJob``.
        times: how often it fails at most; if None, there is no limit.
        retriable: whether its own error is retriable; an `error` that is given knows this itself.
        probability: of a failure in each execution, until `times` is reached; between 0 and 1.
        seed: the same seed gives the same failures; if None, they differ each time.

    Attributes:
        attempts: how often it was executed so far.

    Example:
        >>> job = FailingJob(times=1, retriable=True)
        >>> first, second = job.execute("x"), job.execute("x")
        >>> first.success, first.retriable, second.output
        (False, True, 'x')
        >>> job = FailingJob(probability=0.5, seed=7)
        >>> [job.execute("x").success for _ in range(6)]
        [False, False, True, False, True, False]
    """

    def __init__(
        self,
        error: Exception | None = None,
        times: int | None = None,
        *,
        retriable: bool = False,
        probability: float = 1.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(probability, seed)
        text = "failed on purpose, as a FailingJob does"
        self.error = error or PipelineError("internal.FailingJob", text, retriable=retriable)
        self.times = times
        self.attempts = 0
        self._failures = 0

    def single_job(self, value: object) -> object:
        """Fail, or return the value."""
        self.attempts += 1
        if (self.times is None or self._failures < self.times) and self._draw():
            self._failures += 1
            raise self.error
        return value


class CrashingJob(_ChanceJob):
    """Ends its own process by SIGKILL, or returns its input; run it in a process that may die.

    Nothing is caught, rolled back or flushed, as when the machine loses power. Afterwards, what was committed
    must be there, and the same command must do the rest.

    Args:
        probability: of a crash in each execution; between 0 and 1.
        seed: the same seed gives the same outcome; if None, it differs each time. A process that is started
            again with the same seed dies again at the same point.

    Example:
        >>> CrashingJob(probability=0.5, seed=0).execute("x").output
        'x'
        >>> pipeline.add_job("power", lambda run: CrashingJob(0.5))  # doctest: +SKIP
    """

    def __init__(self, probability: float = 1.0, seed: int | None = None) -> None:
        super().__init__(probability, seed)

    def single_job(self, value: object) -> object:
        """Kill the process, or return the value."""
        if self._draw():
            os.kill(os.getpid(), signal.SIGKILL)
        return value


class JobContract:
    """Tests that every job passes; derive a test class from it and define how the job is built and fed.

    Example:
        class TestMyJob(JobContract):
            def build(self) -> BaseJob:
                return MyJob()

            good = "something it accepts"
            bad = None
    """

    good: object
    """A value that the job accepts, each time it is given."""

    bad: object
    """A value that the job refuses with a ``PipelineError``."""

    def build(self) -> BaseJob[object, object]:
        """Return a new job."""
        raise NotImplementedError

    def test_good_input_succeeds(self) -> None:
        """An accepted value gives a result without an error."""
        result = self.build().execute(self.good)

        assert (None, None) == (result.error, result.code)
        assert result.success
        assert result.seconds >= 0

    def test_bad_input_is_returned_not_raised(self) -> None:
        """A refused value gives a result with a code and a message."""
        result = self.build().execute(self.bad)

        assert isinstance(result.exception, PipelineError)
        assert not result.success
        assert result.error
        assert result.code

    def test_counts_are_fresh_for_each_run(self) -> None:
        """Each run counts from nothing: what was counted before it is not in its result."""
        job = self.build()
        job.counts["of an earlier run"] += 1
        first = job.execute(self.good)
        second = job.execute(self.good)

        assert "of an earlier run" not in first.counts
        assert all(
            second.counts[name] <= first.counts[name] for name in first.counts if name in second.counts
        )

    def test_results_survive_pickling(self) -> None:
        """Any result can be sent to another process."""
        for value in (self.good, self.bad):
            result = self.build().execute(value)
            copy = pickle.loads(pickle.dumps(result))  # noqa: S301  # its own bytes

            assert (result.job, result.error, result.code) == (copy.job, copy.error, copy.code)


class StoreContract:
    """Tests that every store passes; derive a test class from it and define how a store is made and read.

    Example:
        class TestMyStore(StoreContract):
            def build(self) -> BatchStore:
                return MyStore(self.folder)

            def read(self, store: BatchStore, batch_id: int) -> list[Record]:
                return store.records_of(batch_id)
    """

    def build(self) -> BatchStore:
        """Return a store without a batch."""
        raise NotImplementedError

    def reopen(self, store: BatchStore) -> BatchStore:
        """Return another store with the same batches, as the next run has it; by default, the same one."""
        return store

    def read(self, store: BatchStore, batch_id: int) -> list[Record]:
        """Return the records of a batch in the order in which they were loaded."""
        raise NotImplementedError

    def test_a_batch_is_kept(self) -> None:
        """All of its records are there, as they were, for the next run too."""
        store = self.build()
        loaded = self._load(store)

        assert loaded == Loaded(loaded.batch_id, len(_RECORDS))
        assert list(_RECORDS) == self.read(self.reopen(store), loaded.batch_id)

    def test_a_batch_may_be_empty(self) -> None:
        """A file without records is a batch without records."""
        store = self.build()
        loaded = store.load(_FIRST, iter(()), OnDuplicate.SKIP)

        assert loaded == Loaded(loaded.batch_id, 0)
        assert Finalized(loaded.batch_id, 0) == store.finalize(loaded.batch_id)
        assert [] == self.read(store, loaded.batch_id)

    def test_the_division_into_chunks_makes_no_difference(self) -> None:
        """The identity of a batch is that of its records."""
        store = self.build()
        first, *rest = _RECORDS
        batch_id = self._load(store).batch_id

        for chunks in ([_RECORDS], [[first], rest], [[], *([record] for record in _RECORDS), []]):
            assert batch_id == store.load(_FIRST, iter(chunks), OnDuplicate.SKIP).batch_id

    def test_an_unfinished_batch_is_resumed(self) -> None:
        """A run that was killed before the batch was finalized leaves it for the next one."""
        store = self.build()
        batch_id = self._load(store).batch_id

        for on_duplicate in OnDuplicate:
            resumed = self._load(self.reopen(store), on_duplicate=on_duplicate)
            assert resumed == Loaded(batch_id, len(_RECORDS), resumed=True)
        assert list(_RECORDS) == self.read(store, batch_id)

    def test_a_finalized_batch_is_a_duplicate(self) -> None:
        """`on_duplicate` decides: the newest batch is returned, loaded once more, or an error."""
        store = self.build()
        first = self._load(store).batch_id
        store.finalize(first)
        store = self.reopen(store)

        assert Loaded(first, len(_RECORDS), duplicate=True) == self._load(store)
        again = self._load(store, on_duplicate=OnDuplicate.LOAD)
        assert again == Loaded(again.batch_id, len(_RECORDS))
        assert again.batch_id != first
        assert list(_RECORDS) == self.read(store, first) == self.read(store, again.batch_id)
        store.finalize(again.batch_id)
        assert again.batch_id == self._load(store).batch_id
        error = _catch(lambda: self._load(store, on_duplicate=OnDuplicate.ERROR))
        assert ("batch.duplicate", again.batch_id) == (error.code, error.batch_id)

    def test_other_records_or_another_source_are_another_batch(self) -> None:
        """A source is known by its URI, whatever its name. Line numbers are part of the records."""
        store = self.build()
        *rest, last = _RECORDS
        renumbered = [*rest, Record(last.line_number - 1, last.content)]
        corrected = [*rest, Record(last.line_number, f"{last.content}!")]
        batch_id = self._load(store).batch_id

        others = [
            store.load(_FIRST, [records], OnDuplicate.ERROR).batch_id
            for records in (rest, renumbered, corrected)
        ]
        others.append(self._load(store, Source("file:///second", _FIRST.name)).batch_id)
        assert len({batch_id, *others}) == 1 + len(others)
        assert batch_id == self._load(store, Source(_FIRST.uri, "another name", 7, 64 * "a")).batch_id

    def test_an_exception_of_the_records_leaves_nothing(self) -> None:
        """It is raised as it is, also if it is no `Exception`; the next load begins anew."""
        store = self.build()
        earlier = self._load(store, Source("file:///earlier", "earlier")).batch_id
        for failure in (InputError("input.hash", "damaged"), Interruption()):
            load = partial(store.load, _FIRST, _fail(failure), OnDuplicate.SKIP)
            assert failure is _catch(load)
        loaded = store.load(_FIRST, [[_EXTRA]], OnDuplicate.SKIP)

        assert loaded == Loaded(loaded.batch_id, 1)
        assert [_EXTRA] == self.read(store, loaded.batch_id)
        assert list(_RECORDS) == self.read(store, earlier)

    def test_finalizing_twice_is_allowed(self) -> None:
        """A run that is repeated finalizes what is finalized already."""
        store = self.build()
        batch_id = self._load(store).batch_id

        other = Source("file:///other", "other")
        unfinished = self._load(store, other).batch_id

        assert Finalized(batch_id, len(_RECORDS)) == store.finalize(batch_id)
        assert Finalized(batch_id, len(_RECORDS), already=True) == self.reopen(store).finalize(batch_id)
        assert Loaded(unfinished, len(_RECORDS), resumed=True) == self._load(store, other)
        assert list(_RECORDS) == self.read(store, batch_id)

    def test_an_unknown_batch_is_an_error(self) -> None:
        """In a store with another batch, as in an empty one."""
        store = self.build()
        for _ in range(2):
            error = _catch(lambda: store.finalize(2**63 - 1))
            assert ("batch.not_found", 2**63 - 1) == (error.code, error.batch_id)
            self._load(store)

    def test_loads_at_the_same_time_are_one_batch(self) -> None:
        """Two runs of the same file: one of them loads it, and the others find it."""
        store = self.build()
        with ThreadPoolExecutor(_LOADS) as pool:
            loading = [pool.submit(self._load, store) for _ in range(_LOADS)]
            loaded = [each.result() for each in loading]

        assert len({each.batch_id for each in loaded}) == 1
        assert [False] + [True] * (_LOADS - 1) == sorted(each.resumed for each in loaded)
        assert list(_RECORDS) == self.read(store, loaded[0].batch_id)

    def _load(
        self, store: BatchStore, source: Source | None = None, on_duplicate: OnDuplicate = OnDuplicate.SKIP
    ) -> Loaded:
        first, *rest = _RECORDS
        return store.load(source or _FIRST, iter([[first], rest]), on_duplicate)


_RECORDS = (
    Record(1, "one"),
    Record(3, "  größe\u2028\t"),
    Record(4, "\\ \"'\x1f\U0001f389"),
    Record(2**63 - 1, 1000 * "x"),
)
_FIRST = Source("file:///first", "first")
_EXTRA = Record(1, "written before the failure")
_LOADS = 4


def _fail(failure: BaseException) -> Iterator[list[Record]]:
    yield [_EXTRA]
    yield [Record(2, "more")]
    raise failure


def _catch(call: Callable[[], object]) -> Any:  # noqa: ANN401  # a store may raise anything; what is not expected fails the test
    """Return what a call raises."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001  # as above
        return error
    raise AssertionError("expected an exception")
