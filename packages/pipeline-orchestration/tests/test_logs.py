"""Levels are set while a run lasts, and put back."""

import logging

import pytest

from pipeline_orchestration import LogLevel
from pipeline_orchestration.logs import OURS, at_level

THEIRS = ("dotenv", "httpx", "prefect", "EventsWorker")


@pytest.fixture
def flow(prefect_server):
    """The module that imports Prefect, whose loggers are of interest from then on."""
    import pipeline_orchestration.on_prefect.flow

    return pipeline_orchestration.on_prefect.flow


@pytest.fixture
def levels():
    """Levels that a program has set: those of all loggers concerned, by name."""

    def found():
        return [logging.getLogger(name).level for name in (*OURS, *THEIRS)]

    before = found()
    for name in (*OURS, *THEIRS):
        logging.getLogger(name).setLevel(17)
    yield found
    for name, level in zip((*OURS, *THEIRS), before, strict=True):
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
def test_levels_are_set_and_put_back(flow, levels, level, number, httpx):
    """Httpx tells of each request at INFO, which is detail here."""
    with at_level(level):
        assert [number] * 5 + [httpx, number, number] == levels()
    assert [17] * 8 == levels()


def test_they_are_put_back_after_an_exception(levels):
    with pytest.raises(KeyboardInterrupt), at_level(LogLevel.OFF):
        raise KeyboardInterrupt

    assert [17] * 8 == levels()


def test_blocks_may_overlap(levels):
    """Two threads: the first to begin is the first to end, and what was is put back all the same."""
    first, second = at_level(LogLevel.DEBUG), at_level(LogLevel.ERROR)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert 40 == logging.getLogger("pipeline_jobs").level

    second.__exit__(None, None, None)
    assert [17] * 8 == levels()


def test_off_silences_loggers_with_a_level_of_their_own(flow):
    logger = logging.getLogger("prefect.client")
    before = logger.level
    with at_level(LogLevel.OFF):
        assert not logger.isEnabledFor(logging.CRITICAL)
    assert before == logger.level


PREFECT_LEVEL = """
import logging, sys
from pipeline_orchestration import LogLevel
from pipeline_orchestration.logs import at_level
with at_level(LogLevel.OFF):
    import pipeline_orchestration.on_prefect.flow
    with at_level(LogLevel.OFF):
        print(logging.getLogger("prefect").level)
print(logging.getLogger("prefect").level)
"""


def test_what_prefect_sets_when_it_is_imported_stays(python):
    """Its flows that are run later are logged as ever."""
    assert ("51\n20\n", "") == python(PREFECT_LEVEL)
