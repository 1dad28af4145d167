"""The result of running a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .escaping import get_text
from .exceptions import PipelineError

_LARGEST_COUNT = 2**63 - 1  # Python refuses to write out a number of more than 4,300 digits
_MEMORY_HINT = "allow the process more, or refuse large records with a lower --max-record-bytes"


@dataclass(frozen=True, slots=True)
class JobResult[Out]:
    """The outcome of one ``execute``: an output, or the exception that prevented it.

    The other properties are derived from these fields, so a result cannot contradict itself.

    Args:
        job: the name the job was added under.
        output: what ``single_job`` returned; None after a failure.
        exception: what the job raised; None after a success.
        seconds: wall time of validation and work together.
        counts: what the job counted, by name; what is no whole number below 2⁶³ is left out, with a warning.
        has_begun: whether ``single_job`` was called; else the exception is that of ``validate_input``.
    """

    job: str
    output: Out | None = None
    exception: Exception | None = None
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    has_begun: bool = True

    def __post_init__(self) -> None:
        """Copy the counts that are whole numbers."""
        counts = self.counts
        is_plain = isinstance(counts, dict) and {*map(type, counts.values())} <= {int}
        if not (
            is_plain
            and {*map(type, counts)} <= {str}
            and max(map(abs, counts.values()), default=0) <= _LARGEST_COUNT
        ):
            counts = _parse_counts(self.job, counts)
        object.__setattr__(self, "counts", dict(counts))

    @property
    def success(self) -> bool:
        """True if the job ended without an exception."""
        return self.exception is None

    @property
    def error(self) -> str | None:
        """The message of the failure; None after a success."""
        match self.exception:
            case None:
                return None
            case PipelineError() as error:
                return get_text(error)
            case MemoryError() as error:  # most have no text of their own
                return f"MemoryError: {get_text(error) or 'there was not enough memory'}; {_MEMORY_HINT}"
            case other:
                return f"{type(other).__name__}: {get_text(other)}"

    @property
    def code(self) -> str | None:
        """The code of the failure; ``internal.<exception>`` if it is not a ``PipelineError``."""
        match self.exception:
            case None:
                return None
            case PipelineError(code=str(code)):
                return code
            case other:
                return f"internal.{type(other).__name__}"

    @property
    def retriable(self) -> bool:
        """True if the same call may succeed later.

        A ``PipelineError`` says so itself. Any other exception of ``single_job`` may have a passing cause;
        one of ``validate_input`` has none, as a bad input does not get better.
        """
        match self.exception:
            case None:
                return False
            case PipelineError(retriable=retriable):
                return retriable
            case _:
                return self.has_begun

    def unwrap(self) -> Out:
        """Return the output, or raise the exception that prevented it."""
        if self.exception is not None:
            raise self.exception
        return self.output  # type: ignore[return-value]  # without an exception the output is there


def _parse_counts(job: str, counts: object) -> dict[str, int]:
    """Return what a job counted, as far as it is whole numbers by name; log the rest."""
    if not isinstance(counts, Mapping):
        _warn(f"job {job}: its counts are of type {type(counts).__name__}, expected a Counter")
        return {}
    parsed = {}
    for name, number in counts.items():
        is_whole = hasattr(type(number), "__index__")  # also one of numpy, for instance
        if isinstance(name, str) and is_whole and abs(int(number)) <= _LARGEST_COUNT:
            parsed[str(name)] = int(number)
        elif isinstance(name, str) and is_whole:
            _warn(f"job {job}: the count {name!r} is left out: it is larger than 2^63 - 1")
        elif isinstance(name, str):
            kind = type(number).__name__
            _warn(f"job {job}: the count {name!r} is left out: it is of type {kind}, expected a whole number")
        else:
            _warn(f"job {job}: a count is left out: its name is of type {type(name).__name__}, expected text")
    return parsed


def _warn(text: str) -> None:
    import logging  # noqa: PLC0415  # 10 ms to import, and seldom needed

    logging.getLogger(__name__).warning("%s", text)
