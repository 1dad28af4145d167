"""What was measured: runs, the figures they come to, and the file that keeps them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Args:
        seconds: of the whole process.
        peak: bytes of memory.
        inside: seconds by the script's own clock, where it has one.
    """

    seconds: float
    peak: int
    inside: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What several runs come to."""

    median: float
    least: float
    most: float
    runs: int


type Key = tuple[str, str]
"""Of runs: the name of the contestant and that of the data."""

type Measure = Callable[[Run], float]


def whole(run: Run) -> float:
    """Return the seconds of the whole process."""
    return run.seconds


def inside(run: Run) -> float:
    """Return the seconds that the script took by its own clock."""
    if run.inside is None:
        raise ValueError("the script printed no seconds")
    return run.inside


def megabytes(run: Run) -> float:
    """Return the peak memory."""
    return run.peak / MEGABYTE


def figure(runs: Iterable[Run], measure: Measure) -> Figure:
    """Return what a measure of several runs comes to."""
    values = [measure(run) for run in runs]
    return Figure(median(values), min(values), max(values), len(values))


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole bench.

    Args:
        sizes: the name of its sizes.
        date: of its end, in UTC.
        machine: facts by name.
        versions: of each environment.
        runs: of each contestant on each data.
    """

    sizes: str
    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    runs: Mapping[Key, list[Run]]

    def save(self, path: Path) -> None:
        """Write all of it, so that a report can be made again."""
        rows = [[*key, [asdict(run) for run in runs]] for key, runs in self.runs.items()]
        facts = {name: getattr(self, name) for name in ("sizes", "date", "machine", "versions")}
        path.write_text(json.dumps({**facts, "runs": rows}, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Measured":
        """Read what `save` wrote."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        runs = {
            (contestant, data): [Run(**run) for run in each] for contestant, data, each in kept.pop("runs")
        }
        return cls(**kept, runs=runs)
