"""Make things go wrong at many points and check that every promise holds: `nox -s faults`.

run.py [--seed N] [--points N] [SWEEP…]     run sweeps at their size in CI; by default all of them
run.py … long [SWEEP…]                      run them at their large size
run.py … report                             write the table in RELIABILITY.md from the results so far
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from report import Outcome, save_outcome, write_table
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sweep import BrokenPromiseError, Point, Sweep
from sweeps import SWEEPS

_console = Console(stderr=True, highlight=False)
_MAX_SHOWN = 10


@dataclass(slots=True)
class _Shared:
    """Values that the workers inherit from this process when they are forked."""

    points: list[Point] = field(default_factory=list)
    folder: Path = Path()


_shared = _Shared()


def _try_point(number: int) -> tuple[int, str, str | None]:
    """Try a point in this worker's folder, whose path is the same for all of its points.

    Returns the number of the point, its outcome, and the fault if there is one.
    """
    place = _shared.folder / f"worker-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    os.chdir(place)
    try:
        outcome = _shared.points[number].attempt(place)
    except BrokenPromiseError as error:
        fault = str(error)
    except Exception:  # noqa: BLE001  # any exception is a fault of this point; the others go on
        fault = traceback.format_exc()
    else:
        return number, "" if outcome is None else str(outcome), None
    kept = _shared.folder / f"fault-{number}"
    shutil.rmtree(kept, ignore_errors=True)
    place.rename(kept)
    return number, "fault", f"{fault}\n  left in {kept}"


def _try_points(sweep: Sweep, progress: Progress, outcomes: Counter[str]) -> Iterator[str]:
    """Try every point, count the outcomes, and yield the faults."""
    task = progress.add_task(sweep.name, total=sum(point.weight for point in _shared.points))
    context = multiprocessing.get_context("fork")
    with context.Pool(min(sweep.workers, len(_shared.points))) as pool:
        for number, outcome, fault in pool.imap_unordered(_try_point, range(len(_shared.points))):
            point = _shared.points[number]
            outcomes[outcome] += 1
            progress.advance(task, point.weight)
            if fault is not None:
                yield f"{point.label}: {fault}"


def _run_sweep(sweep: Sweep, size: int | None, seed: int) -> Outcome:
    """Try the points of a sweep and return the outcome."""
    start = time.monotonic()
    # The name is part of the seed, so that a sweep alone draws the same points as among others.
    _shared.points = list(sweep.points(size, Random(f"{seed} {sweep.name}")))
    if not _shared.points:
        raise SystemExit(f"{sweep.name}: no points")
    _shared.folder = Path(tempfile.mkdtemp(prefix=f"faults-{sweep.name}-"))
    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    faults: list[str] = []
    outcomes: Counter[str] = Counter()
    with Progress(*columns, console=_console, transient=True) as progress:
        for fault in _try_points(sweep, progress, outcomes):
            faults.append(fault)
            if len(faults) <= _MAX_SHOWN:
                progress.console.print(f"[red]{sweep.name}[/red]", end=" ")
                progress.console.print(fault, markup=False, soft_wrap=True)
    if not faults:
        shutil.rmtree(_shared.folder, ignore_errors=True)
    points = sum(point.weight for point in _shared.points)
    sorted_outcomes = {name: outcomes[name] for name in sorted(outcomes) if name}
    return Outcome(sweep.name, points, len(faults), seed, round(time.monotonic() - start, 1), sorted_outcomes)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s faults --", description=__doc__.partition("\n")[0])
    names = [sweep.name for sweep in SWEEPS]
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"long, report, or some of {', '.join(names)}"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="seed that the points are drawn with; 1 by default"
    )
    parser.add_argument("--points", type=int, help="number of points of each sweep, instead of the usual one")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the results of all runs")
    arguments = parser.parse_args()
    if unknown := set(arguments.what) - {"long", "report", *names}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected long, report, {', '.join(names)}")
    return arguments


def main() -> int:
    """Run the sweeps or write the report; return 1 if there is a fault."""
    arguments = _parse_arguments()
    if "report" in arguments.what:
        write_table(SWEEPS, arguments.cache)
        return 0
    if not shutil.which("strace"):
        _console.print("strace is missing, it makes system calls fail: apt-get install strace")
        return 2
    long = "long" in arguments.what
    chosen = [sweep for sweep in SWEEPS if sweep.name in arguments.what]
    chosen = chosen or [sweep for sweep in SWEEPS if long or sweep.short]
    broken = 0
    for sweep in chosen:
        size = arguments.points or (sweep.long if long else sweep.short or sweep.long)
        outcome = _run_sweep(sweep, size, arguments.seed)
        save_outcome(outcome, arguments.cache)
        broken += outcome.faults
        verdict = f"[red]{outcome.faults} faults[/red]" if outcome.faults else "no fault"
        counts = ", ".join(f"{name}: {count}" for name, count in outcome.outcomes.items())
        line = (
            f"{sweep.name:14} {outcome.points:>8,} points  {verdict:>10}  {outcome.seconds:>7.1f} s  {counts}"
        )
        _console.print(line, soft_wrap=True)
    if broken:
        _console.print(f"{broken} faults; to try the same points again: --seed {arguments.seed}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
