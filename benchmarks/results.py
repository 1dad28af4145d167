"""Results: runs, their figures, and the file that keeps them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Self

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """Measurements of one run.

    Args:
        seconds: wall time of the whole process.
        peak: peak memory in bytes.
        inside: seconds that the script measured itself, if it does.
    """

    seconds: float
    peak: int
    inside: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """Summary of several runs."""

    median: float
    least: float
    most: float
    runs: int


type Key = tuple[str, str]
"""Key of runs: names of the competitor and of the data."""

type Measure = Callable[[Run], float]


def get_seconds(run: Run) -> float:
    """Return the wall time of the whole process in seconds."""
    return run.seconds


def get_own_seconds(run: Run) -> float:
    """Return the seconds that the script measured itself."""
    if run.inside is None:
        raise ValueError("the script printed no seconds")
    return run.inside


def get_megabytes(run: Run) -> float:
    """Return the peak memory in megabytes."""
    return run.peak / MEGABYTE


def summarize(runs: Iterable[Run], measure: Measure) -> Figure:
    """Return median, least and most of a measure of several runs."""
    values = [measure(run) for run in runs]
    return Figure(median(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class BenchResults:
    """Results of a whole bench.

    Args:
        sizes: name of its sizes.
        date: date of its end, in UTC.
        machine: facts about the machine, by name.
        versions: versions in each environment.
        runs: runs by competitor and data.
    """

    sizes: str
    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    runs: Mapping[Key, list[Run]]

    def save(self, path: Path) -> None:
        """Write all results, so that a report can be made again."""
        rows = [[*key, [asdict(run) for run in runs]] for key, runs in self.runs.items()]
        facts = {name: getattr(self, name) for name in ("sizes", "date", "machine", "versions")}
        path.write_text(json.dumps({**facts, "runs": rows}, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        runs = {
            (competitor, data): [Run(**run) for run in each] for competitor, data, each in kept.pop("runs")
        }
        return cls(**kept, runs=runs)
