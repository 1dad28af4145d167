"""The progress bar, and log lines above it."""

import re
import sys

PROGRAM = """
import logging
import sys
from rich.logging import RichHandler
from rich.console import Console
from pipeline_cli import progress as progress_module
progress_module._DELAY = 0
plain, rich = logging.getLogger("plain"), logging.getLogger("rich")
plain.addHandler(logging.StreamHandler())
rich.addHandler(RichHandler(console=Console(file=sys.stderr), show_time=False, show_path=False))
with progress_module.JobProgress() as progress:
    progress("B", "x.txt", 60, 100, 5678)
    plain.warning("a \\x1b[31mred\\x1b[0m word, [bold]not more " + 20 * "longer than the terminal " + "END")
    rich.warning("another")
    progress("B", "x.txt", 80, 100, 9876)
plain.warning("after it")
rich.warning("after that")
"""


def test_log_lines_stand_above_the_bar(terminal):
    """The bar is drawn again below each line; once it is removed, lines are printed as before."""
    code, received = terminal(sys.executable, "-c", PROGRAM)

    assert 0 == code
    for line in (
        r"a \x1b\[31mred\x1b\[0m word, \[bold\]not more .* END",
        r"\x1b\[33mWARNING \x1b\[0m another *",
    ):
        # The bar was erased before the line, and the line ends before the bar is drawn again.
        assert re.search(rf"\x1b\[2K{line}\r\n", received), received
    assert received.rstrip().endswith("after that")
    assert "after it\r\n" in received
