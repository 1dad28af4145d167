"""What we and the jobs log while a run lasts, on the page of that run in Prefect."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from threading import Lock

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler

from pipeline_jobs import shown
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.logs import OURS, at_level, number_of
from pipeline_orchestration.names import LogLevel

# What Prefect logs, it sends by itself; the others are modules of factories that are no functions.
_NOT_THEIRS = ("prefect", "builtins", "functools", "")

type Follow = Callable[[object], None]
"""Told what is made by a job's package: its factory, or itself."""

_lock = Lock()
# The runs that last, by their ids, each with the least level that is sent.
_runs: dict[str, int] = {}


@contextmanager
def logs_on_prefect(
    run: str, specs: Iterable[JobSpec], level: LogLevel, *, printed: bool
) -> Iterator[Follow]:
    """Send what our loggers and those of the jobs' packages say to the run in which they say it, once.

    A package is followed from its top: a factory in ``acme.pipelines.nightly`` brings all of ``acme``. What
    is yielded follows that of a job, too, which may be another than that of its factory.

    One whose records Prefect gets already, by ``PREFECT_LOGGING_EXTRA_LOGGERS``, is sent once all the same,
    and a level that somebody gave to one of the jobs' loggers stays.

    Args:
        run: id of the flow run.
        specs: its jobs.
        level: the least that is sent.
        printed: whether what jobs log is printed too, as by a worker, or only what would be without this.
    """
    number = number_of(level)
    with ExitStack() as stack:
        stack.enter_context(at_level(level))
        with _lock:
            _runs[run] = number
        stack.callback(_runs.pop, run)
        for name in OURS:  # whose level is set, and what is printed of them decided
            stack.enter_context(_followed(name, None, printed=True))
        known = {*OURS, *_NOT_THEIRS}

        def follow(made: object) -> None:
            package = (getattr(made, "__module__", None) or "").partition(".")[0]
            if package not in known:
                known.add(package)
                stack.enter_context(_followed(package, number, printed=printed))

        for spec in specs:
            follow(spec.factory)
        yield follow


class _Following:
    """A logger that is followed, as it was before."""

    def __init__(self, name: str, level: int | None, *, printed: bool) -> None:
        self.runs = 0
        self.logger = logging.getLogger(name)
        self.level, self.propagate = self.logger.level, self.logger.propagate
        self.handlers: list[logging.Handler] = [] if _reaches_prefect(self.logger) else [_handler]
        self.changes = level is not None and self.level == logging.NOTSET
        if self.changes and level is not None:
            if not printed and self.propagate:
                self.handlers.append(_Onward(self.logger))
                self.logger.propagate = False
            self.logger.setLevel(level)
        for handler in self.handlers:
            self.logger.addHandler(handler)

    def end(self) -> None:
        for handler in self.handlers:
            self.logger.removeHandler(handler)
        if self.changes:
            self.logger.setLevel(self.level)
            self.logger.propagate = self.propagate


_following: dict[str, _Following] = {}


@contextmanager
def _followed(name: str, level: int | None, *, printed: bool) -> Iterator[None]:
    """Follow a logger for the block; of those that overlap, the first begins and the last puts back."""
    with _lock:
        following = _following.get(name) or _Following(name, level, printed=printed)
        _following[name] = following
        following.runs += 1
    try:
        yield
    finally:
        with _lock:
            following.runs -= 1
            if not following.runs:
                _following.pop(name).end()


def _reaches_prefect(logger: logging.Logger | None) -> bool:
    """Return whether a record of a logger comes to a handler of Prefect's that sends it."""
    while logger is not None:
        if any(isinstance(handler, APILogHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _sent_below(name: str) -> bool:
    """Return whether a handler of Prefect's has sent a logger's records before they come to ours."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None and _handler not in logger.handlers:
        if any(isinstance(handler, APILogHandler) for handler in logger.handlers):
            return True
        logger = logger.parent
    return False


def _made_in() -> tuple[str | None, str | None]:
    """Return the flow run and the task run that this is said in."""
    task = TaskRunContext.get()
    if task and task.task_run.flow_run_id:
        return str(task.task_run.flow_run_id), str(task.task_run.id)
    flow = FlowRunContext.get()
    if flow and flow.flow_run:
        return str(flow.flow_run.id), None
    return next(iter(_runs)) if len(_runs) == 1 else None, None


class _Printable(logging.Formatter):
    """Escapes what does not print, line by line where there are several."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(shown, super().format(record).split("\n")))


class _ToPrefect(APILogHandler):
    """Sends a record to the run it was made in; one made in a thread of no run, to the only run there is."""

    def emit(self, record: logging.LogRecord) -> None:
        record = copy(record)  # other handlers have their own idea of it
        record.exc_text = None
        run, record.task_run_id = _made_in()
        if run and record.levelno >= _runs.get(run, logging.NOTSET) and not _sent_below(record.name):
            record.flow_run_id = run
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Let go of what cannot be sent, such as a record of a megabyte: it is printed all the same."""


_handler = _ToPrefect()
_handler.setFormatter(_Printable())


class _Onward(logging.Handler):
    """Hands on what a logger would have handed on by itself before its level was lowered."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._least = logger.getEffectiveLevel()

    def emit(self, record: logging.LogRecord) -> None:
        if self._logger.parent and (record.levelno >= self._least or self._has_its_own(record.name)):
            self._logger.parent.callHandlers(record)

    def _has_its_own(self, name: str) -> bool:
        """Return whether a logger below ours has a level of its own, or takes that of one which has."""
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None and logger is not self._logger:
            if logger.level != logging.NOTSET:
                return True
            logger = logger.parent
        return False
