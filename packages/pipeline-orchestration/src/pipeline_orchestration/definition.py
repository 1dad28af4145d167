"""What a pipeline is: jobs by name, in order, of which any range can be run."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Any, Self

from .errors import UsageError

if TYPE_CHECKING:
    from pipeline_jobs import BaseJob

    from .context import RunContext

_MOST_RETRIES = 50  # Prefect takes no more delays for a task

type JobFactory = Callable[[RunContext], BaseJob[Any, Any]]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job of a pipeline.

    Args:
        name: what it is called, in results, on the command line and on Prefect.
        factory: builds the job for a run.
        retries: how often it is tried again after a failure that is retriable.
        retry_delay_seconds: how long the first retry waits; each further one waits twice as long.
    """

    name: str
    factory: JobFactory
    retries: int = 0
    retry_delay_seconds: float = 1.0

    @property
    def delays(self) -> tuple[float, ...]:
        """Seconds before each retry."""
        return tuple(self.retry_delay_seconds * 2.0**n for n in range(self.retries))


class PipelineDefinition:
    """Jobs in the order they run; the output of each is the input of the next.

    Example:
        >>> from pipeline_jobs import JobA
        >>> pipeline = PipelineDefinition("text").add_job("A", lambda run: JobA(run.output_dir))
        >>> pipeline.names
        ('A',)
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._specs: dict[str, JobSpec] = {}

    def add_job(
        self, name: str, factory: JobFactory, *, retries: int = 0, retry_delay_seconds: float = 1.0
    ) -> Self:
        """Append a job, and return the definition for the next one.

        Args:
            name: unique within the pipeline.
            factory: called with the run's ``RunContext``; returns the job.
            retries: tries after a failure that is retriable.
            retry_delay_seconds: seconds before the first of them, doubled for each further one.

        Raises:
            UsageError: ``usage.job``: the name is empty or taken, or a number is out of bounds.
        """
        if not name or not name.isprintable():
            raise UsageError("usage.job", f"{name!r} is no name for a job")
        if name in self._specs:
            raise UsageError("usage.job", f"pipeline {self.name!r} has a job {name!r} already")
        if not (0 <= retries <= _MOST_RETRIES and 0 <= retry_delay_seconds < inf):
            text = f"job {name!r}: retries lie between 0 and {_MOST_RETRIES}, their delay is 0 s or more"
            raise UsageError("usage.job", text)
        self._specs[name] = JobSpec(name, factory, retries, retry_delay_seconds)
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
