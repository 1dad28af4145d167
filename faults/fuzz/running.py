"""Fuzzing as a sweep: the corpus again for every change, new inputs guided by coverage for a proof."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from sweep import Point, Sweep, must

from .targets import TARGETS, work_in

CORPUS = Path(__file__).parent / "corpus"
_SCRIPT = Path(__file__).with_name("one.py")
# Executions in a second, roughly: each target takes about as long as any other.
_SPEED = {
    "crossing": 1900,
    "document": 2700,
    "header": 17_000,
    "identifier": 20_000,
    "settings": 1900,
    "splitter": 4000,
    "terminal": 2700,
}
_PARTS = 2  # points of each target, with seeds of their own
_LIMITS = ["-timeout=10", "-rss_limit_mb=1024"]  # seconds for one input, megabytes for all
_TOLD = 3000  # characters of what a fuzzer says at its end


def files() -> list[Path]:
    """Return the inputs that are kept, in the folders of their targets."""
    return sorted(file for file in CORPUS.glob("*/*") if file.is_file())


def replay(file: Path, folder: Path) -> None:
    """Give one kept input to its target, which may write into the folder."""
    work_in(folder)
    TARGETS[file.parent.name](file.read_bytes())


def _points(size: int | None, random: Random) -> Iterable[Point]:
    """Give each kept input to its target; what `size` leaves is shared by fuzzers of all targets."""
    kept = files()
    for file in kept:
        yield Point(f"{file.parent.name} {file.name}", partial(replay, file))
    left = (size or 0) - len(kept)
    if left <= 0:
        return
    for name, speed in _SPEED.items():
        runs = max(1, left * speed // sum(_SPEED.values()) // _PARTS)
        for _ in range(_PARTS):
            seed = random.randrange(1, 2**31)
            yield Point(f"{name}: {runs} runs by -seed={seed}", partial(_fuzz, name, runs, seed), runs)


def _fuzz(name: str, runs: int, seed: int, folder: Path) -> None:
    """Fuzz a target in a process of its own; what breaks it stays in the folder."""
    shutil.copytree(CORPUS / name, folder / "corpus")
    (folder / "work").mkdir()
    ended = subprocess.run(
        [
            sys.executable,
            _SCRIPT,
            folder / "work",
            name,
            f"-runs={runs}",
            f"-seed={seed}",
            *_LIMITS,
            folder / "corpus",
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    done = re.search(r"^Done (\d+) runs", ended.stderr, re.MULTILINE)
    must(ended.returncode == 0 and done and int(done[1]) >= runs, ended.stdout + ended.stderr[-_TOLD:])


FUZZ = Sweep(
    name="fuzz",
    title=f"any bytes, chosen by what they reach, are given to {', '.join(_SPEED)}",
    holds="nothing uncaught, no hang over 10 s, memory below 1 GB; the outcome is that of a model",
    points=_points,
    short=len(files()),
    long=25_000_000,  # an hour of one processor
)
