"""Results of sweeps, kept from run to run, and the table that they make in RELIABILITY.md."""

import json
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sweep import Sweep

_PAGE = Path(__file__).parent.parent / "RELIABILITY.md"
_TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sweep went.

    Args:
        name: of the sweep.
        points: how many were tried.
        faults: at how many a promise was broken.
        seed: what drew them.
        seconds: wall time.
        came: how many points came to what, such as an exit code.
    """

    name: str
    points: int
    faults: int
    seed: int
    seconds: float
    came: dict[str, int]


def keep(outcome: Outcome, cache: Path) -> None:
    """Add an outcome to those that are kept, with where and when it came about."""
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"{outcome.name}.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    known.append(asdict(outcome) | {"date": datetime.now(UTC).date().isoformat(), "commit": _commit()})
    file.write_text(json.dumps(known, indent=1), encoding="utf-8")


def write(sweeps: Iterable[Sweep], cache: Path) -> None:
    """Write the table into RELIABILITY.md: of each sweep, the largest of its latest runs."""
    page = _PAGE.read_text(encoding="utf-8")
    _PAGE.write_text(_TABLE.sub(lambda _: "\n".join(_lines(sweeps, cache)) + "\n", page), encoding="utf-8")


def _lines(sweeps: Iterable[Sweep], cache: Path) -> Iterable[str]:
    with_what = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield f"{with_what}, Prefect {version('prefect')}, {platform.system()}."
    yield ""
    yield "| sweep | what goes wrong | what must hold | in CI | tried | faults | outcomes | minutes | seed |"
    yield "|---|---|---|--:|--:|--:|---|--:|--:|"
    for sweep in sweeps:
        ci = f"{sweep.short:,}" if sweep.short else "none"
        row = f"| `{sweep.name}` | {sweep.title} | {sweep.holds} | {ci} |"
        if not (best := _best(cache / f"{sweep.name}.json")):
            yield f"{row} not run | | | | |"
            continue
        best["minutes"] = f"{best['seconds'] / 60:.1f}"
        best["came"] = ", ".join(f"{name}: {count:,}" for name, count in best["came"].items())
        yield row + " {points:,} | {faults} | {came} | {minutes} | {seed} |".format_map(best)


def _best(file: Path) -> dict | None:
    """Return the largest run, of equals the latest."""
    if not file.exists():
        return None
    known = json.loads(file.read_text(encoding="utf-8"))
    return max(enumerate(known), key=lambda each: (each[1]["points"], each[0]))[1]


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()
