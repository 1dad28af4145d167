"""What a job's run came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import PipelineError

_MORE_MEMORY = "allow the process more, or refuse large records with a lower --max-record-bytes"


@dataclass(frozen=True, slots=True)
class JobResult[Out]:
    """The outcome of one ``execute``: an output, or the exception that prevented it.

    Everything else is derived from these, so that a result cannot contradict itself.

    Args:
        job: the name the job was added under.
        output: what ``single_job`` returned, or None after a failure.
        exception: what it raised, or None after a success.
        seconds: wall time of validation and work together.
        counts: what the job counted, by name.
    """

    job: str
    output: Out | None = None
    exception: Exception | None = None
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether the job did what it is for."""
        return self.exception is None

    @property
    def error(self) -> str | None:
        """The failure as text; None after a success."""
        match self.exception:
            case None:
                return None
            case PipelineError() as error:
                return str(error)
            case MemoryError() as error:  # which says nothing by itself
                return f"MemoryError: {str(error) or 'there was not enough memory'}; {_MORE_MEMORY}"
            case other:
                return f"{type(other).__name__}: {other}"

    @property
    def code(self) -> str | None:
        """The failure's code, ``internal.<exception>`` for one that is no ``PipelineError``."""
        match self.exception:
            case None:
                return None
            case PipelineError(code=code):
                return code
            case other:
                return f"internal.{type(other).__name__}"

    @property
    def retriable(self) -> bool:
        """Whether the same call may succeed later."""
        return isinstance(self.exception, PipelineError) and self.exception.retriable

    def unwrap(self) -> Out:
        """Return the output, or raise the exception that prevented it."""
        if self.exception is not None:
            raise self.exception
        return self.output  # type: ignore[return-value]  # without an exception the output is there
