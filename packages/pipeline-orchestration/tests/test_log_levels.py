"""Log levels during a run, and their restoration."""

import logging

import pytest

from pipeline_orchestration import LogLevel
from pipeline_orchestration.log_levels import OUR_LOGGERS, set_log_level

THEIRS = ("dotenv", "httpx", "prefect", "EventsWorker")


@pytest.fixture
def flow(prefect_server):
    """The module that imports Prefect; once it is imported, Prefect's loggers are set as well."""
    import pipeline_orchestration.engines.prefect.flows

    return pipeline_orchestration.engines.prefect.flows


@pytest.fixture
def levels():
    """Set the levels of all loggers, as a program may; return a function that reads them."""

    def read_levels():
        return [logging.getLogger(name).level for name in (*OUR_LOGGERS, *THEIRS)]

    before = read_levels()
    for name in (*OUR_LOGGERS, *THEIRS):
        logging.getLogger(name).setLevel(17)
    yield read_levels
    for name, level in zip((*OUR_LOGGERS, *THEIRS), before, strict=True):
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    ("level", "number", "httpx"),
    [
        (LogLevel.DEBUG, 10, 10),
        (LogLevel.INFO, 20, 30),
        (LogLevel.WARNING, 30, 30),
        (LogLevel.ERROR, 40, 40),
        (LogLevel.CRITICAL, 50, 50),
        (LogLevel.OFF, 51, 51),
    ],
)
def test_levels_are_set_and_restored(flow, levels, level, number, httpx):
    """Httpx logs each request at INFO, which is a detail here."""
    with set_log_level(level):
        assert [number] * 5 + [httpx, number, number] == levels()
    assert [17] * 8 == levels()


def test_levels_are_restored_after_an_exception(levels):
    with pytest.raises(KeyboardInterrupt), set_log_level(LogLevel.OFF):
        raise KeyboardInterrupt

    assert [17] * 8 == levels()


def test_blocks_may_overlap(levels):
    """For instance in two threads, where the first to begin is the first to end."""
    first, second = set_log_level(LogLevel.DEBUG), set_log_level(LogLevel.ERROR)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert 40 == logging.getLogger("pipeline_jobs").level

    second.__exit__(None, None, None)
    assert [17] * 8 == levels()


def test_off_silences_loggers_with_a_level_of_their_own(flow):
    logger = logging.getLogger("prefect.client")
    before = logger.level
    with set_log_level(LogLevel.OFF):
        assert not logger.isEnabledFor(logging.CRITICAL)
    assert before == logger.level


PREFECT_LEVEL = """
import logging, sys
from pipeline_orchestration import LogLevel
from pipeline_orchestration.log_levels import set_log_level
with set_log_level(LogLevel.OFF):
    import pipeline_orchestration.engines.prefect.flows
    with set_log_level(LogLevel.OFF):
        print(logging.getLogger("prefect").level)
print(logging.getLogger("prefect").level)
"""


def test_levels_that_prefect_sets_at_its_import_stay(python):
    """Later flows of the same process log as usual."""
    assert ("51\n20\n", "") == python(PREFECT_LEVEL)
