"""What helps to test jobs: a store in memory, jobs that fail or crash as told, a contract for every job."""

import os
import pickle
import signal
from collections.abc import Iterable, Sequence
from random import Random

from .base import BaseJob
from .errors import BatchError, PipelineError
from .records import Record, RecordsDigest, Source
from .store import BatchId, Finalized, Loaded, OnDuplicate


class MemoryStore:
    """A ``BatchStore`` that keeps its batches in a dictionary.

    Attributes:
        batches: the records of each batch, by its id.
        finalized: the ids of the finalized ones.
    """

    def __init__(self) -> None:
        self.batches: dict[int, list[Record]] = {}
        self.finalized: set[int] = set()
        self._identities: dict[int, tuple[str, str]] = {}

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:
        """Keep the records as a batch, as ``BatchStore.load`` says."""
        digest = RecordsDigest()
        records: list[Record] = []
        for chunk in chunks:
            digest.update(chunk)
            records.extend(chunk)
        identity = (source.uri, digest.sha256)
        same = [BatchId(each) for each, known in self._identities.items() if known == identity]
        if unfinished := [each for each in same if each not in self.finalized]:
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
        """Mark the batch as complete, as ``BatchStore.finalize`` says."""
        if batch_id not in self.batches:
            raise BatchError("batch.not_found", f"no batch with id {batch_id}", batch_id=batch_id)
        already = batch_id in self.finalized
        self.finalized.add(batch_id)
        return Finalized(BatchId(batch_id), len(self.batches[batch_id]), already)


class _PassingOn(BaseJob[object, object]):
    """Returns what it was given, unless chance has it otherwise."""

    def __init__(self, probability: float, seed: int | None) -> None:
        self.probability = probability
        self._chance = Random(seed)  # noqa: S311  # to be reproduced, not to be secret

    def validate_input(self, value: object) -> object:
        """Accept anything."""
        return value

    def _it_happens(self) -> bool:
        return self._chance.random() < self.probability


class FailingJob(_PassingOn):
    """Fails always, a number of times, or by chance; else it returns what it was given.

    Args:
        error: what it raises; if None, a ``PipelineError`` with the code ``internal.FailingJob``.
        times: how often at most; without end, if None.
        retriable: whether that error may pass by itself; of an error that is given, it says so itself.
        probability: that an execution fails, as long as it may; between 0 and 1.
        seed: the same one gives the same failures; if None, they are others each time.

    Attributes:
        attempts: how often it was tried so far.

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
        told = PipelineError("internal.FailingJob", "failed, as it was told to", retriable=retriable)
        self.error = error or told
        self.times = times
        self.attempts = 0
        self._failures = 0

    def single_job(self, value: object) -> object:
        """Fail, or return the value."""
        self.attempts += 1
        if (self.times is None or self._failures < self.times) and self._it_happens():
            self._failures += 1
            raise self.error
        return value


class CrashingJob(_PassingOn):
    """Ends its own process by SIGKILL, or returns what it was given; run it in a process that may die.

    Nothing is caught, rolled back or flushed, as when the machine loses power. What is committed by then must
    be there afterwards, and the same command must do the rest.

    Args:
        probability: that an execution is the last one; between 0 and 1.
        seed: the same one gives the same outcome; if None, it is another each time. A process that is started
            again with the same seed dies again at the same point.

    Example:
        >>> CrashingJob(probability=0.5, seed=0).execute("x").output
        'x'
        >>> pipeline.add_job("power", lambda run: CrashingJob(0.5))  # doctest: +SKIP
    """

    def __init__(self, probability: float = 1.0, seed: int | None = None) -> None:
        super().__init__(probability, seed)

    def single_job(self, value: object) -> object:
        """Die, or return the value."""
        if self._it_happens():
            os.kill(os.getpid(), signal.SIGKILL)
        return value


class JobContract:
    """Tests that hold for every job; derive a test class from it and say how the job is built and fed.

    Example:
        class TestMyJob(JobContract):
            def build(self) -> BaseJob:
                return MyJob()

            good = "something it accepts"
            bad = None
    """

    good: object
    """A value the job accepts, each time it is given."""

    bad: object
    """A value the job refuses with a ``PipelineError``."""

    def build(self) -> BaseJob[object, object]:
        """Return a new job."""
        raise NotImplementedError

    def test_good_input_succeeds(self) -> None:
        """An accepted value gives an output and no error."""
        result = self.build().execute(self.good)

        assert (None, None) == (result.error, result.code)
        assert result.success
        assert result.seconds >= 0

    def test_bad_input_is_returned_not_raised(self) -> None:
        """A refused value is in the result, with a code and a message."""
        result = self.build().execute(self.bad)

        assert isinstance(result.exception, PipelineError)
        assert not result.success
        assert result.error
        assert result.code

    def test_counts_are_fresh_for_each_run(self) -> None:
        """A second run counts from nothing."""
        job = self.build()
        first = job.execute(self.good)
        second = job.execute(self.good)

        assert all(
            second.counts[name] <= first.counts[name] for name in first.counts if name in second.counts
        )

    def test_results_survive_pickling(self) -> None:
        """Whatever happened can be sent to another process."""
        for value in (self.good, self.bad):
            result = self.build().execute(value)
            copy = pickle.loads(pickle.dumps(result))  # noqa: S301  # its own bytes

            assert (result.job, result.error, result.code) == (copy.job, copy.error, copy.code)
