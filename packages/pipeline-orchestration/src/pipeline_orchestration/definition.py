"""What a pipeline is: jobs by name, in order, of which any range can be run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, Self

from .errors import UsageError
from .policy import LONGEST, refused

if TYPE_CHECKING:
    from pipeline_jobs import BaseJob

    from .context import RunContext
    from .result import RunResult

type JobFactory = Callable[[RunContext], BaseJob[Any, Any]]

type Hook = Callable[[RunResult], object]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job of a pipeline.

    Args:
        name: what it is called, in results, on the command line and on Prefect.
        factory: builds the job for a run.
        retries: how often it is tried again after a failure that is retriable.
        retry_delay_seconds: how long the first retry waits, each further one twice as long; or how long each
            of them does, the last for all that follow.
        retry_jitter_factor: by how much a delay is varied at random: up to ``1 + factor`` times as long.
        timeout_seconds: after how long a try is ended, and fails with ``job.timeout``; None for never.
        concurrency_limit: how many executions of it may go on at a time; None for any number.
    """

    name: str
    factory: JobFactory
    retries: int = 0
    retry_delay_seconds: float | Sequence[float] = 1.0
    retry_jitter_factor: float | None = None
    timeout_seconds: float | None = None
    concurrency_limit: int | None = None

    @property
    def delays(self) -> tuple[float, ...]:
        """Seconds before each retry, but for what chance adds."""
        given = self.retry_delay_seconds
        if isinstance(given, Sequence):
            return tuple(islice(chain(given, repeat(given[-1])), self.retries))
        return tuple(min(given * 2.0**n, LONGEST) for n in range(self.retries))


class PipelineDefinition:
    """Jobs in the order they run; the output of each is the input of the next.

    Example:
        >>> from pipeline_jobs import JobA
        >>> pipeline = PipelineDefinition("text").add_job("A", lambda run: JobA(run.output_dir))
        >>> pipeline.names
        ('A',)

    Args:
        name: what it is called, on Prefect too.
        description: what it is for, in words.
        on_completion: called with the ``RunResult`` of each input that succeeded, when all are done.
        on_failure: called with that of each input that did not.
    """

    def __init__(
        self,
        name: str,
        *,
        description: str | None = None,
        on_completion: Iterable[Hook] = (),
        on_failure: Iterable[Hook] = (),
    ) -> None:
        self.name = name
        self.description = description
        self.on_completion = tuple(on_completion)
        self.on_failure = tuple(on_failure)
        self._specs: dict[str, JobSpec] = {}

    def add_job(
        self,
        name: str,
        factory: JobFactory,
        *,
        retries: int = 0,
        retry_delay_seconds: float | Sequence[float] = 1.0,
        retry_jitter_factor: float | None = None,
        timeout_seconds: float | None = None,
        concurrency_limit: int | None = None,
    ) -> Self:
        """Append a job, and return the definition for the next one.

        Args:
            name: unique within the pipeline.
            factory: called with the run's ``RunContext``; returns the job.
            retries: tries after a failure that is retriable.
            retry_delay_seconds: seconds before the first of them, doubled for each further one; or a list of
                the seconds before each, of which the last stands for all that follow.
            retry_jitter_factor: varies the delays at random, up to ``1 + factor`` times.
            timeout_seconds: ends a try that takes longer; it fails with ``job.timeout``, which is retriable.
            concurrency_limit: lets only so many executions of the job go on at a time: of one run, or on
                Prefect of all runs on that server.

        Raises:
            UsageError: ``usage.job``: the name is empty or taken, or a number is out of bounds.
        """
        if not name or not name.isprintable():
            raise UsageError("usage.job", f"{name!r} is no name for a job")
        if name in self._specs:
            raise UsageError("usage.job", f"pipeline {self.name!r} has a job {name!r} already")
        if isinstance(retry_delay_seconds, Sequence):
            retry_delay_seconds = tuple(retry_delay_seconds)
        spec = JobSpec(
            name,
            factory,
            retries,
            retry_delay_seconds,
            retry_jitter_factor,
            timeout_seconds,
            concurrency_limit,
        )
        if reason := refused(spec):
            raise UsageError("usage.job", f"job {name!r}: {reason}")
        self._specs[name] = spec
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the jobs in order."""
        return tuple(self._specs)

    def between(self, start_from: str | None = None, stop_after: str | None = None) -> tuple[JobSpec, ...]:
        """Return the jobs from one to another, both included; None stands for the first and the last.

        Raises:
            UsageError: ``usage.unknown_job``, ``usage.reversed_range`` or ``usage.no_jobs``.
        """
        if not self._specs:
            raise UsageError("usage.no_jobs", f"pipeline {self.name!r} has no jobs; add one by add_job()")
        first = 0 if start_from is None else self._position(start_from)
        last = len(self._specs) - 1 if stop_after is None else self._position(stop_after)
        if first > last:
            text = f"job {stop_after!r} comes before {start_from!r}; the order is {', '.join(self._specs)}"
            raise UsageError("usage.reversed_range", text)
        return tuple(self._specs.values())[first : last + 1]

    def _position(self, name: str) -> int:
        names = self.names
        if name in names:
            return names.index(name)
        folded = {each.casefold(): each for each in names}
        close = get_close_matches(name.casefold(), folded, n=1)
        hint = f"did you mean {folded[close[0]]!r}?" if close else f"there are {', '.join(names)}"
        raise UsageError("usage.unknown_job", f"pipeline {self.name!r} has no job {name!r}; {hint}")
