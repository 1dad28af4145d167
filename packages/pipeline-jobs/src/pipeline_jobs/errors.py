"""The errors of a pipeline: each carries a code a program can match and a message a person can act on.

    PipelineError
    ├── InputError       input…   what was given is refused
    ├── OutputError      output…  a file could not be written
    └── BatchError       batch…   a batch is missing, incomplete or there already

``pipeline_db`` and ``pipeline_orchestration`` add their own branches.
"""


class PipelineError(Exception):
    """The base of every error a pipeline reports.

    Args:
        code: a dotted name such as ``input.missing``; the part before the dot decides the exit code.
        message: what, where, and what to do; lower case, no full stop.
        retriable: whether the same call may succeed later.
    """

    def __init__(self, code: str, message: str, *, retriable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retriable = retriable

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        # BaseException would call the class with the message alone.
        return _rebuilt, (type(self), self.__dict__.copy(), self.args)


def _rebuilt(kind: type[PipelineError], state: dict[str, object], args: tuple[object, ...]) -> PipelineError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InputError(PipelineError):
    """What was given to a job is refused; nothing was changed."""


class OutputError(PipelineError):
    """A file or folder could not be written; what was there before is still there."""


class BatchError(PipelineError):
    """A batch is missing, does not add up, or is there already.

    Args:
        batch_id: the batch it is about, if it has an id.
    """

    def __init__(
        self, code: str, message: str, *, batch_id: int | None = None, retriable: bool = False
    ) -> None:
        super().__init__(code, message, retriable=retriable)
        self.batch_id = batch_id
