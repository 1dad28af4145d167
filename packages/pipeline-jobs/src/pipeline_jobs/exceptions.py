"""The errors of a pipeline: each has a code for programs and a message that tells a person what to do.

    PipelineError
    ├── InputError       input…   an input is refused
    ├── OutputError      output…  a file could not be written
    ├── BatchError       batch…   a batch is missing, incomplete or already there
    └── JobError         job…     a job broke a rule: it exited, or returned an iterator

``pipeline_db`` and ``pipeline_orchestration`` add their own branches.

An `Interruption` is none of them: it ends a job from outside.
"""

from .escaping import get_text


class PipelineError(Exception):
    """The base of every error that a pipeline reports.

    Args:
        code: a dotted name such as ``input.missing``; the part before the dot decides the exit code.
        message: what, where, and what to do; lower case, no full stop.
        retriable: whether the same call may succeed later; a definition's retries ask this.
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
        return _rebuild_error, (type(self), self.__dict__.copy(), self.args)


def _rebuild_error(
    kind: type[PipelineError], state: dict[str, object], args: tuple[object, ...]
) -> PipelineError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InputError(PipelineError):
    """The input of a job is refused; nothing was changed."""


class OutputError(PipelineError):
    """A file or folder could not be written; what was there before is still there."""


class BatchError(PipelineError):
    """A batch is missing, has the wrong number of records, or is already there.

    Args:
        batch_id: the batch in question, if it has an id.
    """

    def __init__(
        self, code: str, message: str, *, batch_id: int | None = None, retriable: bool = False
    ) -> None:
        super().__init__(code, message, retriable=retriable)
        self.batch_id = batch_id


class JobError(PipelineError):
    """A job broke a rule: it tried to exit, or returned an iterator as its output."""


class Interruption(BaseException):
    """The base of what ends a job from outside: a signal, a timeout, the end of the run.

    It passes through jobs, factories and hooks. Any other exception that is no `Exception` is a failure of
    the code that raised it.
    """


def is_interruption(error: BaseException) -> bool:
    """Return whether an exception comes from outside of a job: from a signal, a timeout, the end of the run.

    In the main thread, these are also a ``KeyboardInterrupt``, where SIGINT is neither ignored nor blocked,
    and whatever a signal handler has raised: the ``SystemExit`` of a program's own handler of SIGTERM, or
    Prefect's ``TerminationSignal``.
    """
    if isinstance(error, Interruption):
        return True
    if isinstance(error, BaseExceptionGroup):  # of asyncio.TaskGroup, for instance
        return any(map(is_interruption, error.exceptions))
    import threading  # noqa: PLC0415  # 2 ms to import, and seldom needed

    if isinstance(error, Exception) or threading.current_thread() is not threading.main_thread():
        return False
    return _was_raised_by_signal_handler(error) or (isinstance(error, KeyboardInterrupt) and _has_ctrl_c())


def make_failure(error: BaseException, culprit: str) -> Exception:
    """Return what a job, a factory or a hook raised as a failure of it.

    An `Exception` is returned as it is. A job cannot end the run: anything else becomes a ``job.exit``.

    Args:
        error: what was raised.
        culprit: who raised it, as the message names it.

    Raises:
        BaseException: the error itself, if it is an interruption.
    """
    if isinstance(error, Exception):
        return error
    if is_interruption(error):
        raise error
    if isinstance(error, SystemExit):
        call = f"{culprit} called sys.exit({'' if error.code is None else get_text([error.code])[1:-1]})"
        text = f"{call}; {'raise an exception' if error.code else 'return'} instead"
    else:
        text = f"{culprit} raised {type(error).__name__}; raise a subclass of Exception instead"
    failure = JobError("job.exit", text)
    failure.__cause__ = error
    return failure


def _has_ctrl_c() -> bool:
    """Return whether Ctrl-C reaches this process; in a worker, a ``KeyboardInterrupt`` is the job's own."""
    import signal  # noqa: PLC0415  # 2 ms to import, and seldom needed

    is_blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return not is_blocked and signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def _was_raised_by_signal_handler(error: BaseException) -> bool:
    import signal  # noqa: PLC0415  # 2 ms to import, and seldom needed

    handlers = [handler for number in signal.valid_signals() if callable(handler := signal.getsignal(number))]
    functions = [getattr(handler, "__func__", handler) for handler in handlers]  # of bound methods
    codes = [getattr(function, "__code__", None) for function in functions]
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code not in codes:
        traceback = traceback.tb_next
    return traceback is not None
