"""Progress of one job: log lines, or a bar on a terminal; nothing for a quick job."""

import logging
import re
import sys
import time

import pytest

from pipeline_cli import progress as progress_module
from pipeline_cli.progress import JobProgress

BAR = """
from pipeline_cli import progress as progress_module
progress_module._DELAY = 0
with progress_module.JobProgress() as progress:
    progress("A", "[red]\\\\x1b.txt", 50, 100, 1234)
    progress("B", "x.txt", 60, 100, 5678)
    progress("B", "x.txt", 80, 100, 9876)
    {end}
"""


TIME = """
from pipeline_cli import progress as progress_module
with progress_module.JobProgress() as progress:
    progress("fetch", "[red]orders", 0, 0, 0)
    with progress._lock:
        progress._began -= 3600
        progress._show_time()
    progress._bar._progress.refresh()
    progress._next_time = 0
    progress("fetch", "[red]orders", 1, 100, 5)
    progress._bar._progress.refresh()
"""


@pytest.fixture
def no_delay(monkeypatch):
    """Show every call at once."""
    monkeypatch.setattr(progress_module, "_DELAY", 0)
    monkeypatch.setattr(progress_module, "_INTERVAL", 0)


def test_a_quick_job_logs_nothing(caplog):
    caplog.set_level(logging.INFO)
    with JobProgress() as progress:
        progress("A", "x.txt", 50, 100, 7)
        progress("A", "x.txt", 100, 100, 14)
        progress("B", "x.txt", 50, 100, 7)

    assert [] == caplog.messages


def test_the_log_shows_each_job(caplog, no_delay):
    caplog.set_level(logging.INFO)
    with JobProgress(bar=False) as progress:
        progress("A", "x.txt", 50, 200, 7)
        progress("A", "x.txt", 199, 200, 1234567)
        progress("B", "empty.txt", 0, 0, 0)

    assert [
        "A x.txt: 25 % read, 7 records",
        "A x.txt: 99 % read, 1234567 records",
    ] == caplog.messages


def test_the_log_shows_a_job_that_tells_nothing(caplog, no_delay, monkeypatch):
    monkeypatch.setattr(progress_module, "_TICK", 0.001)
    caplog.set_level(logging.INFO)
    with JobProgress(bar=False) as progress:
        progress("fetch", "orders", 0, 0, 0)
        while not caplog.messages:  # the test's timeout ends it
            time.sleep(0.001)

    assert re.fullmatch(r"fetch orders: running for \d+ s", caplog.messages[0])


def test_a_job_is_shown_where_no_thread_can_be_started(caplog, no_delay, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(progress_module.threading.Thread, "start", refuse)
    caplog.set_level(logging.INFO)
    with JobProgress(bar=False) as progress:
        progress("A", "x.txt", 0, 0, 0)
        progress("A", "x.txt", 50, 200, 7)

    assert ["A x.txt: 25 % read, 7 records"] == caplog.messages


def test_log_lines_are_ten_seconds_apart(caplog, monkeypatch):
    monkeypatch.setattr(progress_module, "_DELAY", 0)
    caplog.set_level(logging.INFO)
    with JobProgress(bar=False) as progress:
        for done in range(100):
            progress("A", "x.txt", done, 100, done)

    assert ["A x.txt: 0 % read, 0 records"] == caplog.messages


@pytest.mark.parametrize(
    ("end", "code"), [("progress('B', 'x.txt', 100, 100, 9)", 0), ("raise SystemExit(143)", 143)]
)
def test_a_terminal_shows_a_bar(terminal, end, code):
    """A name is not read as markup. However the run ends, the bar is removed and the cursor shown again."""
    exit_code, received = terminal(sys.executable, "-c", BAR.format(end=end))

    assert code == exit_code
    for shown in (r"A [red]\x1b.txt", "50/100 bytes", "1,234 records", "B x.txt", "9,876 records"):
        assert shown in received
    assert received.rindex("\x1b[?25h") > received.rindex("\x1b[?25l")
    assert received.rindex("\x1b[2K") > received.rindex("9,876 records")


def test_a_terminal_shows_how_long_a_job_takes_that_tells_nothing(terminal):
    """Until it tells something: then a bar shows that."""
    exit_code, received = terminal(sys.executable, "-c", TIME)

    assert 0 == exit_code
    assert "fetch [red]orders" in received
    assert re.search(r"1:00:\d\d.*1/100 bytes", received, re.DOTALL)
