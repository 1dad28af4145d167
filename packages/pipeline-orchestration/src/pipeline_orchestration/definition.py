"""Definition of a pipeline: its jobs by name, in order; any range of them can run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any, Self

from pipeline_jobs.escaping import escape

from .exceptions import UsageError

if TYPE_CHECKING:
    from pipeline_jobs import BaseJob, Takes

    from .context import RunContext
    from .results import RunResult
    from .settings.parameters import Parameters

type JobFactory = Callable[[RunContext], BaseJob[Any, Any]]

type Hook = Callable[[RunResult], object]

_LONGEST_DELAY = 366 * 24 * 3600.0  # seconds, a year: much longer ones overflow timers and `sleep`
_MAX_RETRIES = 50  # Prefect takes no more delays for a task
_MAX_JITTER = 10
_MAX_CONCURRENCY = 10_000


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job of a pipeline, and how it is executed.

    Args:
        name: of the job, in results, on the command line and on Prefect.
        factory: builds the job for a run.
        retries: how often it is tried again after a failure that is retriable (see `JobResult.retriable`),
            0 to 50.
        retry_delay_seconds: initial delay, doubled each retry; or a list of delays, of which the last is
            repeated. From 0 s to a year.
        retry_jitter_factor: varies a delay at random, up to ``1 + factor`` times; from 0 to 10.
        timeout_seconds: ends an attempt that takes longer; it fails with ``job.timeout``. None for no limit.
        concurrency_limit: how many executions of it may go on at a time, 1 to 10,000; None for no limit.
        retry_on: the exceptions that are retried, beside every ``PipelineError`` that is retriable; None for
            all.
        takes: what an input given as text means; None if the job's class says it.

    Raises:
        UsageError: ``usage.job``: a value is out of bounds.
    """

    name: str
    factory: JobFactory
    retries: int = 0
    retry_delay_seconds: float | Sequence[float] = 1.0
    retry_jitter_factor: float | None = None
    timeout_seconds: float | None = None
    concurrency_limit: int | None = None
    retry_on: tuple[type[Exception], ...] | None = None
    takes: "Takes | None" = None

    def __post_init__(self) -> None:
        """Check the bounds of every value."""
        if not self.name or not self.name.isprintable():
            raise UsageError("usage.job", f"invalid job name {self.name!r}: expected printable text")
        given = self.retry_delay_seconds
        delays = given if isinstance(given, Sequence) else (given,)
        retries, jitter = self.retries, self.retry_jitter_factor
        timeout, limit = self.timeout_seconds, self.concurrency_limit
        checks = (
            (
                "retries",
                type(retries) is int and 0 <= retries <= _MAX_RETRIES,  # no bool
                f"a whole number from 0 to {_MAX_RETRIES}",
            ),
            (
                "retry_delay_seconds",
                bool(delays) and all(map(_is_delay, delays)),
                "from 0 s to a year, or a list of such delays",
            ),
            (
                "retry_jitter_factor",
                jitter is None or (_is_delay(jitter) and jitter <= _MAX_JITTER),
                f"from 0 to {_MAX_JITTER}",
            ),
            (
                "timeout_seconds",
                timeout is None or (timeout != 0 and _is_delay(timeout)),
                "more than 0 s, and at most a year",
            ),
            (
                "concurrency_limit",
                limit is None or (type(limit) is int and 1 <= limit <= _MAX_CONCURRENCY),
                f"a whole number from 1 to {_MAX_CONCURRENCY}",
            ),
            (
                "retry_on",
                self.retry_on is None or _are_exceptions(self.retry_on),
                "subclasses of Exception",
            ),
            ("takes", self.takes is None or _is_kind_of_input(self.takes), "'files', 'text' or 'any'"),
        )
        for name, is_valid, bounds in checks:
            if not is_valid:
                text = f"job {self.name!r}: {name} is {getattr(self, name)!r}, expected {bounds}"
                raise UsageError("usage.job", text)

    @property
    def delays(self) -> tuple[float, ...]:
        """Seconds before each retry, without jitter."""
        given = self.retry_delay_seconds
        if isinstance(given, Sequence):
            return tuple(islice(chain(given, repeat(given[-1])), self.retries))
        return tuple(min(given * 2.0**n, _LONGEST_DELAY) for n in range(self.retries))


class PipelineDefinition:
    """Jobs in the order they run; the output of each is the input of the next.

    Example:
        >>> from pipeline_jobs import JobA
        >>> pipeline = PipelineDefinition("text").add_job("A", lambda run: JobA(run.output_dir))
        >>> pipeline.names
        ('A',)

    Args:
        name: of the pipeline, also on Prefect.
        description: its purpose, for people; shown with a deployment and its runs on Prefect.
        params: the class of its parameters, a Pydantic model or a dataclass; factories read an instance as
            ``run.params``. Fields of type ``SecretStr`` or ``SecretBytes`` come from the environment only.
        on_completion: called after the run with the ``RunResult`` of each input that succeeded.
        on_failure: called after the run with the ``RunResult`` of each input that failed.

    Raises:
        UsageError: ``usage.params``: `params` is another class, or has a field that JSON cannot describe.
    """

    def __init__(
        self,
        name: str,
        *,
        description: str | None = None,
        params: type | None = None,
        on_completion: Iterable[Hook] = (),
        on_failure: Iterable[Hook] = (),
    ) -> None:
        self.name = name
        self.description = description
        self.on_completion = tuple(on_completion)
        self.on_failure = tuple(on_failure)
        self.parameters = _make_parameters(params)
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
        retry_on: type[Exception] | Iterable[type[Exception]] | None = None,
        takes: "Takes | None" = None,
    ) -> Self:
        """Append a job; return the definition, so that calls can be chained.

        Args:
            name: unique within the pipeline, not empty.
            factory: called with the run's ``RunContext``; returns the job.
            retries: attempts after a failure, 0 to 50. A ``PipelineError`` is retried if it says that it is
                retriable, any other exception of ``single_job`` always, and one of ``validate_input`` never.
            retry_delay_seconds: initial delay, doubled each retry; or a list of delays, of which the last is
                repeated.
            retry_jitter_factor: varies the delays at random, up to ``1 + factor`` times; 0 to 10.
            timeout_seconds: ends an attempt that takes longer; it fails with ``job.timeout``, which is
                retriable.
            concurrency_limit: how many executions of the job may go on at a time: in one run, or on a Prefect
                server in all runs there.
            retry_on: exceptions, such as ``ConnectionError``: any other one that is no ``PipelineError`` is
                final.
            takes: what an input given as text means: ``files``, ``text`` or ``any``; it overrides
                `BaseJob.takes`.

        Raises:
            UsageError: ``usage.job``: the name is empty or taken, or another value is out of bounds.
        """
        if name in self._specs:
            raise UsageError("usage.job", f"pipeline {self.name!r} already has a job {name!r}")
        if isinstance(retry_delay_seconds, Sequence):
            retry_delay_seconds = tuple(retry_delay_seconds)
        if isinstance(retry_on, type):
            retry_on = (retry_on,)
        elif isinstance(retry_on, Iterable):
            retry_on = tuple(retry_on)
        self._specs[name] = JobSpec(
            name,
            factory,
            retries,
            retry_delay_seconds,
            retry_jitter_factor,
            timeout_seconds,
            concurrency_limit,
            retry_on,
            takes,
        )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the jobs in order."""
        return tuple(self._specs)

    def fill_parameters(self, given: object = None, *, no_settings_files: bool = False) -> object:
        """Return an instance of the class of the parameters, filled from all places; None without a class.

        Args:
            given: a mapping of values with the highest rank, or an instance; None if there is none.
            no_settings_files: leave out the settings files.

        Raises:
            UsageError: ``usage.params``, naming everything that is wrong.
        """
        if self.parameters:
            return self.parameters.fill(given, no_settings_files=no_settings_files)
        if given:
            names = f" {', '.join(map(str, given))}" if isinstance(given, Mapping) else ""
            text = f"pipeline {self.name!r} declares no parameters, and is given{names or ' some'}"
            raise UsageError("usage.params", escape(text))
        return None

    def select_jobs(
        self, start_from: str | None = None, stop_after: str | None = None
    ) -> tuple[JobSpec, ...]:
        """Return the jobs of a range, both ends included; None means the first or the last job.

        Raises:
            UsageError: ``usage.unknown_job``, ``usage.reversed_range`` or ``usage.no_jobs``.
        """
        if not self._specs:
            raise UsageError("usage.no_jobs", f"pipeline {self.name!r} has no jobs; add one by add_job()")
        first = 0 if start_from is None else self._find(start_from)
        last = len(self._specs) - 1 if stop_after is None else self._find(stop_after)
        if first > last:
            text = f"job {stop_after!r} comes before {start_from!r}; the order is {', '.join(self._specs)}"
            raise UsageError("usage.reversed_range", text)
        return tuple(self._specs.values())[first : last + 1]

    def _find(self, name: str) -> int:
        names = self.names
        if name in names:
            return names.index(name)
        from difflib import get_close_matches  # noqa: PLC0415  # only for this error

        folded = {each.casefold(): each for each in names}
        close = get_close_matches(name.casefold(), folded, n=1)
        hint = f"did you mean {folded[close[0]]!r}?" if close else f"there are {', '.join(names)}"
        raise UsageError("usage.unknown_job", f"pipeline {self.name!r} has no job {name!r}; {hint}")


def _make_parameters(kind: type | None) -> "Parameters | None":
    if kind is None:
        return None
    from .settings.parameters import Parameters  # noqa: PLC0415  # imports Pydantic, 0.1 s

    return Parameters(kind)


def _is_delay(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= _LONGEST_DELAY


def _is_kind_of_input(value: object) -> bool:
    from pipeline_jobs.base import TAKES  # noqa: PLC0415  # for jobs that override what their class says

    return value in TAKES


def _are_exceptions(values: object) -> bool:
    return isinstance(values, tuple) and all(
        isinstance(each, type) and issubclass(each, Exception) for each in values
    )
