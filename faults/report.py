"""Results of sweeps, kept from run to run, and their table in RELIABILITY.md."""

import json
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sweep import Sweep

_PAGE = Path(__file__).parent.parent / "RELIABILITY.md"
_TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a sweep.

    Args:
        name: name of the sweep.
        points: number of points tried.
        faults: number of points at which a promise was broken.
        seed: seed that drew the points.
        seconds: wall time.
        outcomes: number of points by outcome, such as an exit code.
    """

    name: str
    points: int
    faults: int
    seed: int
    seconds: float
    outcomes: dict[str, int]


def save_outcome(outcome: Outcome, cache: Path) -> None:
    """Add an outcome to the saved ones, with its date and commit."""
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"{outcome.name}.json"
    saved = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    saved.append(asdict(outcome) | {"date": datetime.now(UTC).date().isoformat(), "commit": _get_commit()})
    file.write_text(json.dumps(saved, indent=1), encoding="utf-8")


def write_table(sweeps: Sequence[Sweep], cache: Path) -> None:
    """Write the table into RELIABILITY.md, with the largest run of each sweep."""
    page = _PAGE.read_text(encoding="utf-8")
    _PAGE.write_text(
        _TABLE.sub(lambda _: "\n".join(_make_lines(sweeps, cache)) + "\n", page), encoding="utf-8"
    )


def _make_lines(sweeps: Sequence[Sweep], cache: Path) -> Iterable[str]:
    yield "| sweep | what must hold | what goes wrong |"
    yield "|---|---|---|"
    for sweep in sweeps:
        yield f"| `{sweep.name}` | {sweep.holds} | {sweep.title} |"
    yield ""
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield f"Measured with {versions}, Prefect {version('prefect')} on {platform.system()}:"
    yield ""
    yield "| sweep | points in CI | points tried | faults | outcomes | minutes | seed |"
    yield "|---|--:|--:|--:|---|--:|--:|"
    for sweep in sweeps:
        in_ci = f"{sweep.short:,}" if sweep.short else "none"
        row = f"| `{sweep.name}` | {in_ci} |"
        if not (best := _find_largest(cache / f"{sweep.name}.json")):
            yield f"{row} not run | | | | |"
            continue
        best["minutes"] = f"{best['seconds'] / 60:.1f}"
        outcomes = best.get("outcomes", best.get("came", {}))  # runs saved before December 2026 say "came"
        best["outcomes"] = ", ".join(f"{name}: {count:,}" for name, count in outcomes.items())
        yield row + " {points:,} | {faults} | {outcomes} | {minutes} | {seed} |".format_map(best)


def _find_largest(file: Path) -> dict | None:
    """Return the largest run; of equal ones, the latest."""
    if not file.exists():
        return None
    saved = json.loads(file.read_text(encoding="utf-8"))
    return max(enumerate(saved), key=lambda each: (each[1]["points"], each[0]))[1]


def _get_commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()
