"""Tests that the table of bounds in CONTRIBUTING agrees with the requirements of the packages."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_of_bounds_agrees_with_the_packages():
    """Every bound of a package has a row with its reason, and every row is a bound."""
    required = set()
    for file in ROOT.glob("packages/*/pyproject.toml"):
        pyproject = tomllib.loads(file.read_text(encoding="utf-8"))
        extras = pyproject["project"].get("optional-dependencies", {}).values()
        required.update(pyproject["build-system"]["requires"], pyproject["project"]["dependencies"], *extras)
    external = {requirement for requirement in required if not requirement.startswith("pipeline-")}

    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| [^|]+ \| `([^`]+)` \|", contributing.partition("## Bounds of dependencies")[2], re.MULTILINE
    )

    assert sorted(external) == sorted(rows)
