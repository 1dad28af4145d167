"""How much is logged while a run lasts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from .names import LogLevel

OURS = ("pipeline_cli", "pipeline_db", "pipeline_jobs", "pipeline_orchestration")
_THEIRS = ("dotenv", "httpx", "prefect")
_SILENT = logging.CRITICAL + 1


@contextmanager
def at_level(level: LogLevel) -> Iterator[None]:
    """Set the level of our loggers, Prefect's and httpx's for the block, and put back what was."""
    number = _SILENT if level is LogLevel.OFF else logging.getLevelNamesMapping()[level]
    # httpx tells of each request at INFO, which is detail here.
    wanted = {name: max(number, logging.WARNING) if name == "httpx" else number for name in (*OURS, *_THEIRS)}
    if level in (LogLevel.DEBUG, LogLevel.OFF):
        wanted = dict.fromkeys(wanted, number)
    # Below Prefect's own logger, some have a level of their own and would not follow it.
    known = [name for name in logging.root.manager.loggerDict if name.startswith(("prefect.", "httpcore"))]
    wanted.update({name: number for name in known if level is LogLevel.OFF})
    before = {name: logging.getLogger(name).level for name in wanted}
    for name, each in wanted.items():
        logging.getLogger(name).setLevel(each)
    try:
        yield
    finally:
        for name, each in before.items():
            logging.getLogger(name).setLevel(each)
