"""The table of error codes, compared with the code that raises them."""

import re
from pathlib import Path

from pipeline_cli.exits import exit_code

ROOT = Path(__file__).parents[1]
KINDS = "usage|input|batch|output|database|corrupt|orchestration"
RAISED = re.compile(rf'"((?:{KINDS})\.[a-z_]+)"')
ROW = re.compile(rf"^\| `((?:{KINDS})\.[a-z_]+)` \| (\d) \|", re.MULTILINE)


def table() -> dict[str, int]:
    """Return the documented codes, each with its exit code."""
    return {code: int(exits) for code, exits in ROW.findall((ROOT / "ERRORS.md").read_text(encoding="utf-8"))}


def test_every_code_that_is_raised_is_documented_and_no_other():
    """A reader finds each code they meet, and meets each code they find."""
    sources = (ROOT / "packages").glob("*/src/**/*.py")
    raised = {code for file in sources for code in RAISED.findall(file.read_text(encoding="utf-8"))}

    assert sorted(raised) == sorted(table())


def test_documented_exit_codes_are_the_real_ones():
    """The exit code beside a code is the one the command ends with."""
    documented = table()

    assert {code: exit_code(code) for code in documented} == documented
