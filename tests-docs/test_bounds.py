"""The table of bounds in CONTRIBUTING says what the packages ask for."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_of_bounds_is_true():
    """Every bound of a package has a row with its reason, and every row is a bound."""
    asked = set()
    for file in ROOT.glob("packages/*/pyproject.toml"):
        pyproject = tomllib.loads(file.read_text(encoding="utf-8"))
        extras = pyproject["project"].get("optional-dependencies", {}).values()
        asked.update(pyproject["build-system"]["requires"], pyproject["project"]["dependencies"], *extras)
    others = {requirement for requirement in asked if not requirement.startswith("pipeline-")}

    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| [^|]+ \| `([^`]+)` \|", contributing.partition("## Bounds of dependencies")[2], re.MULTILINE
    )

    assert sorted(others) == sorted(rows)
