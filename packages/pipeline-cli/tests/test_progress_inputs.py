"""Progress of several inputs: log lines, or a bar on a terminal; nothing for a quick run."""

import logging
import re
import sys

from pipeline_cli import progress as progress_module
from pipeline_cli.progress import InputsProgress
from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_orchestration import RunResult

DONE = RunResult("x.txt", "local", (JobResult("B", BatchId(3), counts={"records": 1200}),))
FAILED = RunResult("z.txt", "local", (JobResult("A", exception=InputError("input.nul", "a NUL")),))
BAR = """
from pipeline_cli import progress as progress_module
from pipeline_orchestration import RunResult
progress_module._DELAY = 0
with progress_module.InputsProgress(2000) as progress:
    progress.finish_input(RunResult("x", "local"))
    progress("A", "[red].txt", 1, 2, 3)
"""


def test_the_log_shows_totals_from_time_to_time(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(progress_module, "_DELAY", 0)
    monkeypatch.setattr(progress_module, "_INTERVAL", 0)
    with InputsProgress(1500, bar=False) as progress:
        progress.finish_input(DONE)
        progress.finish_input(FAILED)

    assert [
        "1 of 1,500 inputs finished, 0 failed, 1,200 records",
        "2 of 1,500 inputs finished, 1 failed, 1,200 records",
    ] == caplog.messages


def test_a_quick_run_logs_nothing(caplog):
    caplog.set_level(logging.INFO)
    with InputsProgress(2) as progress:
        progress.finish_input(DONE)
        progress("A", "x.txt", 1, 2, 3)

    assert [] == caplog.messages


def test_a_terminal_shows_a_bar(terminal):
    """A name is not read as markup."""
    code, received = terminal(sys.executable, "-c", BAR)

    assert 0 == code
    assert "1/2000" in received.replace("\x1b[32m", "").replace("\x1b[0m", "")
    assert "A [red].txt 50 %" in received


def test_a_terminal_shows_a_bar_before_anything_is_told(terminal):
    """As where worker processes are at work on the first inputs."""
    code = """
import time
from pipeline_cli import progress as progress_module
progress_module._DELAY = progress_module._TICK = 0.1
with progress_module.InputsProgress(2000) as progress:
    while progress._bar is None or not progress._bar._progress.live.is_started:
        time.sleep(0.01)
    progress("fetch", "orders", 0, 0, 0)
    with progress._lock:
        progress._began -= 3600
        progress._show_time()
    progress._bar._progress.refresh()
"""
    exit_code, received = terminal(sys.executable, "-c", code)

    assert 0 == exit_code
    assert "0/2000" in received.replace("\x1b[32m", "").replace("\x1b[0m", "")
    assert re.search(r"fetch orders 36\d\d s", received)
