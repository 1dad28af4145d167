"""How much is logged while a run lasts."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from .names import LogLevel

OURS = ("pipeline_cli", "pipeline_db", "pipeline_jobs", "pipeline_orchestration")
# The last two are of Prefect's, though not below its logger.
_PREFECTS = ("httpx", "prefect", "APILogWorker", "EventsWorker")
_SILENT = logging.CRITICAL + 1

_lock = Lock()
_lasting: list[object] = []
_before: dict[str, int] = {}


@contextmanager
def at_level(level: LogLevel) -> Iterator[None]:
    """Set the level of our loggers, Prefect's and httpx's for the block, and put back what was.

    Of blocks that overlap, in threads or one in another, the last to begin decides, and the last to end puts
    back.
    """
    block = object()
    with _lock:
        _lasting.append(block)
        for name, number in _levels(level).items():
            logger = logging.getLogger(name)
            _before.setdefault(name, logger.level)
            logger.setLevel(number)
    try:
        yield
    finally:
        with _lock:
            _lasting.remove(block)
            if not _lasting:
                for name, number in _before.items():
                    logging.getLogger(name).setLevel(number)
                _before.clear()


def number_of(level: LogLevel) -> int:
    """Return a level as loggers take it."""
    return _SILENT if level is LogLevel.OFF else logging.getLevelNamesMapping()[level]


def _levels(level: LogLevel) -> dict[str, int]:
    """Return the level of each logger by its name."""
    number = number_of(level)
    wanted = dict.fromkeys((*OURS, "dotenv"), number)
    # Prefect sets up its loggers when the flow imports it: what they had before is nothing to put back.
    if f"{__package__}.on_prefect.flow" in sys.modules:
        wanted.update(dict.fromkeys(_PREFECTS, number))
        if level is LogLevel.OFF:
            # Below Prefect's own logger, some have a level of their own and would not follow it.
            known = [
                name for name in logging.root.manager.loggerDict if name.startswith(("prefect.", "httpcore"))
            ]
            wanted.update(dict.fromkeys(known, number))
        elif level is not LogLevel.DEBUG:
            # httpx tells of each request at INFO, which is detail here.
            wanted["httpx"] = max(number, logging.WARNING)
    return wanted
