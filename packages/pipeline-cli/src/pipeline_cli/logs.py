"""Log lines on standard error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from pipeline_jobs import shown
from pipeline_orchestration import LogLevel

type _ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

_OURS = ("pipeline_cli", "pipeline_db", "pipeline_jobs", "pipeline_orchestration")
# Prefect's; at the end of most runs they say that they are not done yet.
_RESTLESS = ("APILogWorker", "EventsWorker")


class _Printable(logging.Formatter):
    """Escapes what does not print: no name and no error of a job steers the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        return shown(super().formatMessage(record))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802  # logging's name
        return "\n".join(map(shown, super().formatException(ei).split("\n")))


@contextmanager
def logging_to_stderr(level: LogLevel) -> Iterator[None]:
    """Print our log lines while the block lasts; how many there are is the runner's business.

    What Prefect logs comes to an end with the process only: where that is too much, it is silenced for good.
    """
    for name in _RESTLESS:
        logging.getLogger(name).setLevel(logging.ERROR)
    if level is LogLevel.OFF:
        logging.disable()
    handler = logging.StreamHandler()
    detail = (
        "%(asctime)s %(levelname)s %(name)s: %(message)s"
        if level is LogLevel.DEBUG
        else "%(levelname)s %(message)s"
    )
    handler.setFormatter(_Printable(detail))
    loggers = [logging.getLogger(name) for name in _OURS]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False  # Prefect prints what reaches the root logger, too
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True
