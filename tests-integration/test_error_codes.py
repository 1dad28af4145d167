"""The table of error codes, compared with the code that raises them."""

import re
from pathlib import Path

from pipeline_cli.exit_codes import get_exit_code

ROOT = Path(__file__).parents[1]
KINDS = "usage|input|batch|output|database|corrupt|orchestration|job"
RAISED = re.compile(rf'"((?:{KINDS})\.[a-z_]+)"')
ROW = re.compile(rf"^\| `((?:{KINDS})\.[a-z_]+)` \| (\d) \|", re.MULTILINE)


def read_table() -> dict[str, int]:
    """Return the documented codes, each with its exit code."""
    return {code: int(exits) for code, exits in ROW.findall((ROOT / "ERRORS.md").read_text(encoding="utf-8"))}


def test_the_table_lists_every_code_and_no_other():
    """The table lists exactly the codes in the sources."""
    sources = (ROOT / "packages").glob("*/src/**/*.py")
    raised = {code for file in sources for code in RAISED.findall(file.read_text(encoding="utf-8"))}

    assert sorted(raised) == sorted(read_table())


def test_documented_exit_codes_are_the_real_ones():
    """The exit code beside an error code is the exit code of the command."""
    documented = read_table()

    assert {code: get_exit_code(code) for code in documented} == documented
