"""Progress of jobs that take long: lines in a log, a bar on a terminal, nothing of jobs that do not."""

import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from pipeline_cli import progress
from pipeline_cli.progress import ProgressReport

BAR = """
from pipeline_cli import progress
progress._PATIENCE = 0
with progress.ProgressReport() as report:
    report("A", "[red]\\\\x1b.txt", 50, 100, 1234)
    report("B", "x.txt", 60, 100, 5678)
    report("B", "x.txt", 80, 100, 9876)
    {end}
"""

LOGGING = """
import logging
import sys
from rich.logging import RichHandler
from rich.console import Console
from pipeline_cli import progress
progress._PATIENCE = 0
plain, theirs = logging.getLogger("plain"), logging.getLogger("theirs")
plain.addHandler(logging.StreamHandler())
theirs.addHandler(RichHandler(console=Console(file=sys.stderr), show_time=False, show_path=False))
with progress.ProgressReport() as report:
    report("B", "x.txt", 60, 100, 5678)
    plain.warning("a \\x1b[31mred\\x1b[0m word, [bold]not more " + 20 * "longer than the terminal " + "END")
    theirs.warning("another")
    report("B", "x.txt", 80, 100, 9876)
plain.warning("after it")
theirs.warning("after that")
"""


@pytest.fixture
def impatient(monkeypatch):
    """As if each call came a long time after the one before it."""
    monkeypatch.setattr(progress, "_PATIENCE", 0)
    monkeypatch.setattr(progress, "_PAUSE", 0)


def test_a_quick_job_says_nothing(caplog):
    caplog.set_level(logging.INFO)
    with ProgressReport() as report:
        report("A", "x.txt", 50, 100, 7)
        report("A", "x.txt", 100, 100, 14)
        report("B", "x.txt", 50, 100, 7)

    assert [] == caplog.messages


def test_a_log_is_told_now_and_then(caplog, impatient):
    caplog.set_level(logging.INFO)
    with ProgressReport(bar=False) as report:
        report("A", "x.txt", 50, 200, 7)
        report("A", "x.txt", 199, 200, 1234567)
        report("B", "empty.txt", 0, 0, 0)

    assert [
        "A x.txt: 25 % read, 7 records",
        "A x.txt: 99 % read, 1234567 records",
        "B empty.txt: 0 % read, 0 records",
    ] == caplog.messages


def test_the_lines_are_far_apart(caplog, monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0)
    caplog.set_level(logging.INFO)
    with ProgressReport(bar=False) as report:
        for done in range(100):
            report("A", "x.txt", done, 100, done)

    assert ["A x.txt: 0 % read, 0 records"] == caplog.messages


def on_a_terminal(code):
    """Run Python with a terminal as its standard error, and return what that was sent."""
    terminal, ours = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=ours, env=environment) as process:
        os.close(ours)
        sent = b""
        try:
            while part := os.read(terminal, 65536):
                sent += part
        except OSError:  # nobody holds the other end any more
            pass
        os.close(terminal)
    return process.returncode, sent.decode()


@pytest.mark.parametrize(
    ("end", "code"), [("report('B', 'x.txt', 100, 100, 9)", 0), ("raise SystemExit(143)", 143)]
)
def test_a_terminal_shows_a_bar(folder, end, code):
    """A name is no markup; however the run ends, the bar is gone and the cursor is back."""
    ended, sent = on_a_terminal(BAR.format(end=end))

    assert code == ended
    for shown in (r"A [red]\x1b.txt", "50/100 bytes", "1,234 records", "B x.txt", "9,876 records"):
        assert shown in sent
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")
    assert sent.rindex("\x1b[2K") > sent.rindex("9,876 records")


def test_what_is_logged_meanwhile_has_lines_of_its_own(folder):
    """Above the bar, which is drawn again below it, as long as it is there; else as it was."""
    ended, sent = on_a_terminal(LOGGING)

    assert 0 == ended
    for line in (
        r"a \x1b\[31mred\x1b\[0m word, \[bold\]not more .* END",
        r"\x1b\[33mWARNING \x1b\[0m another *",
    ):
        # What stood on the line before was erased, and it ends before anything else is drawn.
        assert re.search(rf"\x1b\[2K{line}\r\n", sent), sent
    assert sent.rstrip().endswith("after that")
    assert "after it\r\n" in sent
