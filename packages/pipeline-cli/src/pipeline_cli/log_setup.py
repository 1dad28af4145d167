"""Log lines on standard error."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline_orchestration import LogLevel
from pipeline_orchestration.log_levels import OUR_LOGGERS, EscapingFormatter

# Prefect's; at the end of most runs they warn that they still have records to send.
_NOISY = ("APILogWorker", "EventsWorker")


@contextmanager
def log_to_stderr(level: LogLevel | None = None) -> Iterator[Callable[[LogLevel], None]]:
    """Print the records of our loggers while the block lasts; the runner sets their level.

    The level decides on the form of the lines. Where it is known only within the block, call what is yielded.

    Prefect logs until the process ends, so what silences its loggers here is not undone.
    """
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    handler = logging.StreamHandler()
    handler.setFormatter(EscapingFormatter("%(levelname)s %(message)s"))

    def use_level(level: LogLevel) -> None:
        if level is LogLevel.OFF:
            logging.disable()
        if level is LogLevel.DEBUG:
            line = "%(asctime)s %(levelname)s %(name)s: %(message)s"
            handler.setFormatter(EscapingFormatter(line))

    if level:
        use_level(level)
    loggers = [logging.getLogger(name) for name in OUR_LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False  # Prefect would print the records of the root logger again
    try:
        yield use_level
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
            logger.propagate = True
