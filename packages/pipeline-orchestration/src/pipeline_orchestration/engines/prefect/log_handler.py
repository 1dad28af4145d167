"""Forwarding of our log records, and those of the jobs, to the page of their run in Prefect."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import Context, copy_context
from copy import copy
from threading import Lock

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler

from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.log_levels import (
    OUR_LOGGERS,
    EscapingFormatter,
    follow_logger,
    get_level_number,
    list_packages,
    set_log_level,
)
from pipeline_orchestration.settings.config import LogLevel

type FollowLogger = Callable[[object], None]
"""Forwards the logger of the package that an object belongs to: a job, or its factory."""

_lock = Lock()
_levels_of_runs: dict[str, int] = {}
"""The lowest level that is sent, by the id of each run that goes on."""
_contexts: dict[str, Context] = {}
"""Context variables by run: among them Prefect's settings, with the URL of its API."""


@contextmanager
def forward_logs(
    run: str, specs: Iterable[JobSpec], level: LogLevel, *, printed: bool
) -> Iterator[FollowLogger]:
    """Send the records of our loggers and of the jobs' packages to the run that they are made in, once each.

    A package is followed from its top: a factory in ``acme.pipelines.nightly`` adds all of ``acme``; see
    `list_packages`. Call what is yielded with a job, as its package may be another one than its factory's.

    A record that Prefect sends anyway, by ``PREFECT_LOGGING_EXTRA_LOGGERS``, is not sent again. A job's
    logger that has a level of its own keeps it.

    Args:
        run: id of the flow run.
        specs: its jobs.
        level: lowest level that is sent.
        printed: whether the records of jobs are printed as well, as by a worker, or only those that would be
            printed without Prefect.
    """
    number = get_level_number(level)
    with ExitStack() as stack:
        stack.enter_context(set_log_level(level))
        with _lock:
            _levels_of_runs[run] = number
            _contexts[run] = copy_context()
        stack.callback(_contexts.pop, run)
        stack.callback(_levels_of_runs.pop, run)
        for name in OUR_LOGGERS:  # their level is set, so they print what they would print anyway
            stack.enter_context(_follow_logger(name, None, printed=True))
        modules: set[str] = set()
        packages: set[str] = set()

        def follow(made: object) -> None:
            name = getattr(made, "__module__", None) or ""
            if name in modules:
                return
            modules.add(name)
            if not logging.getLogger(OUR_LOGGERS[-1]).propagate:  # the command prints what our loggers log
                follow_logger(name)
            for package in list_packages(name):
                if package not in packages:
                    packages.add(package)
                    stack.enter_context(_follow_logger(package, number, printed=printed))

        for spec in specs:
            follow(spec.factory)
        yield follow


@contextmanager
def skip_completed_task_runs(input_count: int, level: LogLevel) -> Iterator[None]:
    """Keep back what Prefect logs of each completed task run, where a run has several inputs.

    Each input has a line of its own, and three more for its jobs would drown those that matter.
    """
    logger = logging.getLogger("prefect.task_runs")
    is_noisy = input_count > 1 and level is not LogLevel.DEBUG
    if is_noisy:
        logger.addFilter(_is_worth_a_line)
    try:
        yield
    finally:
        if is_noisy:
            logger.removeFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Finished in state Completed")


_followed: dict[str, "_FollowedLogger"] = {}


@contextmanager
def _follow_logger(name: str, level: int | None, *, printed: bool) -> Iterator[None]:
    """Follow a logger within the block; of overlapping blocks, the first one begins and the last ends it."""
    with _lock:
        followed = _followed.get(name) or _FollowedLogger(name, level, printed=printed)
        _followed[name] = followed
        followed.runs += 1
    try:
        yield
    finally:
        with _lock:
            followed.runs -= 1
            if not followed.runs:
                _followed.pop(name).restore()


class _FollowedLogger:
    """A logger with our handler, and its state from before.

    Args:
        name: of the logger.
        level: lowest level that is sent, or None if the logger keeps its level.
        printed: as for `forward_logs`.
    """

    def __init__(self, name: str, level: int | None, *, printed: bool) -> None:
        self.runs = 0
        self.logger = logging.getLogger(name)
        self.level, self.propagate = self.logger.level, self.logger.propagate
        self.handlers: list[logging.Handler] = [] if _reaches_prefect(self.logger) else [_handler]
        self.changes_level = level is not None and self.level == logging.NOTSET
        if self.changes_level and level is not None:
            if not printed and self.propagate:
                self.handlers.append(_PropagateHandler(self.logger))
                self.logger.propagate = False
            self.logger.setLevel(level)
        for handler in self.handlers:
            self.logger.addHandler(handler)

    def restore(self) -> None:
        for handler in self.handlers:
            self.logger.removeHandler(handler)
        if self.changes_level:
            self.logger.setLevel(self.level)
            self.logger.propagate = self.propagate


def _reaches_prefect(logger: logging.Logger | None) -> bool:
    """Return whether the records of a logger reach a handler of Prefect's that sends them."""
    while logger is not None:
        if any(isinstance(handler, APILogHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _is_sent_below(name: str) -> bool:
    """Return whether a handler of Prefect's sends the records of a logger before they reach ours."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None and _handler not in logger.handlers:
        if any(isinstance(handler, APILogHandler) for handler in logger.handlers):
            return True
        logger = logger.parent
    return False


def _find_run() -> tuple[str | None, str | None]:
    """Return the ids of the flow run and the task run that the caller is in."""
    task = TaskRunContext.get()
    if task and task.task_run.flow_run_id:
        return str(task.task_run.flow_run_id), str(task.task_run.id)
    flow = FlowRunContext.get()
    if flow and flow.flow_run:
        return str(flow.flow_run.id), None
    # A thread that a job started is in no run; if there is only one, it is in that.
    return next(iter(_levels_of_runs)) if len(_levels_of_runs) == 1 else None, None


class _RunLogHandler(APILogHandler):
    """Sends a record to the run that it is made in."""

    def emit(self, record: logging.LogRecord) -> None:
        record = copy(record)  # other handlers get it as it is
        record.exc_text = None
        run, record.task_run_id = _find_run()
        if (
            run
            and record.levelno >= _levels_of_runs.get(run, logging.NOTSET)
            and not _is_sent_below(record.name)
        ):
            record.flow_run_id = run
            if FlowRunContext.get() or TaskRunContext.get():
                super().emit(record)
            elif context := _contexts.get(run):
                # In a thread that a job started, Prefect would start a server of its own. A copy, as only
                # one thread at a time can be in a context.
                context.copy().run(super().emit, record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Drop a record that cannot be sent, such as one of a megabyte: it is printed all the same."""


_handler = _RunLogHandler()
_handler.setFormatter(EscapingFormatter(multiline=True))


class _PropagateHandler(logging.Handler):
    """Passes on what a logger would have passed on before its level was lowered."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._former_level = logger.getEffectiveLevel()

    def emit(self, record: logging.LogRecord) -> None:
        if self._logger.parent and (
            record.levelno >= self._former_level or self._has_level_below(record.name)
        ):
            self._logger.parent.callHandlers(record)

    def _has_level_below(self, name: str) -> bool:
        """Return whether a logger below ours has a level of its own, or inherits one from below ours."""
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None and logger is not self._logger:
            if logger.level != logging.NOTSET:
                return True
            logger = logger.parent
        return False
