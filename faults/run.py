"""Make things go wrong at many points and see that every promise holds: `nox -s faults`.

run.py [--seed N] [--points N] [SWEEP…]     run sweeps at their size in CI, all of them by default
run.py … long [SWEEP…]                      run them at the size of a proof
run.py … report                             write RELIABILITY.md from the results so far
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

from report import Outcome, keep, write
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sweep import BrokenError, Point, Sweep
from sweeps import SWEEPS

_console = Console(stderr=True, highlight=False)
_MOST_SHOWN = 10


@dataclass(slots=True)
class _Work:
    """What the workers share with this process by being forked from it."""

    points: list[Point] = field(default_factory=list)
    folder: Path = Path()


_work = _Work()


def _attempt(number: int) -> tuple[int, str, str | None]:
    """Try a point in a folder that is the same one for each point of this worker.

    Returns the number of the point, what came of it, and what is broken.
    """
    place = _work.folder / f"worker-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    os.chdir(place)
    try:
        came = _work.points[number].attempt(place)
    except BrokenError as error:
        fault = str(error)
    except Exception:  # noqa: BLE001  # whatever a point raises is a fault, and the others go on
        fault = traceback.format_exc()
    else:
        return number, "" if came is None else str(came), None
    kept = _work.folder / f"fault-{number}"
    shutil.rmtree(kept, ignore_errors=True)
    place.rename(kept)
    return number, "fault", f"{fault}\n  left in {kept}"


def _faults(sweep: Sweep, progress: Progress, outcomes: Counter[str]) -> Iterator[str]:
    """Try every point, count what comes of them, and yield what is broken."""
    task = progress.add_task(sweep.name, total=sum(point.weight for point in _work.points))
    context = multiprocessing.get_context("fork")
    with context.Pool(min(sweep.workers, len(_work.points))) as pool:
        for number, came, fault in pool.imap_unordered(_attempt, range(len(_work.points))):
            point = _work.points[number]
            outcomes[came] += 1
            progress.advance(task, point.weight)
            if fault is not None:
                yield f"{point.label}: {fault}"


def _swept(sweep: Sweep, size: int | None, seed: int) -> Outcome:
    """Try the points of a sweep and say how it went."""
    start = time.monotonic()
    # By its name, too: a sweep alone tries the same points as among the others.
    _work.points = list(sweep.points(size, Random(f"{seed} {sweep.name}")))
    if not _work.points:
        raise SystemExit(f"{sweep.name}: has no points")
    _work.folder = Path(tempfile.mkdtemp(prefix=f"faults-{sweep.name}-"))
    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    faults: list[str] = []
    outcomes: Counter[str] = Counter()
    with Progress(*columns, console=_console, transient=True) as progress:
        for fault in _faults(sweep, progress, outcomes):
            faults.append(fault)
            if len(faults) <= _MOST_SHOWN:
                progress.console.print(f"[red]{sweep.name}[/red]", end=" ")
                progress.console.print(fault, markup=False, soft_wrap=True)
    if not faults:
        shutil.rmtree(_work.folder, ignore_errors=True)
    points = sum(point.weight for point in _work.points)
    came = {name: outcomes[name] for name in sorted(outcomes) if name}
    return Outcome(sweep.name, points, len(faults), seed, round(time.monotonic() - start, 1), came)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s faults --", description=__doc__.partition("\n")[0])
    names = [sweep.name for sweep in SWEEPS]
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"long, report, or some of {', '.join(names)}"
    )
    parser.add_argument("--seed", type=int, default=1, help="what the points are drawn by; 1 by default")
    parser.add_argument(
        "--points", type=int, help="how many points of each sweep, instead of the usual number"
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps results from run to run")
    given = parser.parse_args()
    if unknown := set(given.what) - {"long", "report", *names}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are long, report, {', '.join(names)}")
    return given


def main() -> int:
    """Run what is asked for; return 1 if anything is broken."""
    given = _arguments()
    if "report" in given.what:
        write(SWEEPS, given.cache)
        return 0
    if not shutil.which("strace"):
        _console.print("strace is missing, which makes system calls fail; install it by apt-get")
        return 2
    long = "long" in given.what
    chosen = [sweep for sweep in SWEEPS if sweep.name in given.what]
    chosen = chosen or [sweep for sweep in SWEEPS if long or sweep.short]
    broken = 0
    for sweep in chosen:
        size = given.points or (sweep.long if long else sweep.short or sweep.long)
        outcome = _swept(sweep, size, given.seed)
        keep(outcome, given.cache)
        broken += outcome.faults
        told = f"[red]{outcome.faults} faults[/red]" if outcome.faults else "no fault"
        came = ", ".join(f"{name}: {count}" for name, count in outcome.came.items())
        line = f"{sweep.name:14} {outcome.points:>8,} points  {told:>10}  {outcome.seconds:>7.1f} s  {came}"
        _console.print(line, soft_wrap=True)
    if broken:
        _console.print(f"{broken} faults; the same points again: --seed {given.seed}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
