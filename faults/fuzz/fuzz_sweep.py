"""Sweep of fuzzing: the corpus for every change, new inputs guided by coverage for a long run."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from sweep import Point, Sweep, require

from .targets import TARGETS, set_work_folder

CORPUS = Path(__file__).parent / "corpus"
_SCRIPT = Path(__file__).with_name("fuzz_target.py")
# Executions in a second, roughly, so that all targets get about the same time.
_RUNS_PER_SECOND = {
    "crossing": 1900,
    "document": 2700,
    "header": 17_000,
    "identifier": 20_000,
    "row_document": 1000,
    "rows": 300,
    "settings": 1900,
    "settings_file": 500,
    "splitter": 4000,
    "terminal": 2700,
    "web": 150,
}
_PARTS = 2  # points of each target, each with its own seed
_LIMITS = ["-timeout=10", "-rss_limit_mb=1024"]  # seconds for one input, megabytes for the process
_TAIL = 3000  # characters shown of a failed fuzzer's output


def list_corpus() -> list[Path]:
    """Return the kept inputs; the folder of each is named after its target."""
    return sorted(file for file in CORPUS.glob("*/*") if file.is_file())


def replay_input(file: Path, folder: Path) -> None:
    """Run a target on one kept input; it may write into the folder."""
    set_work_folder(folder)
    TARGETS[file.parent.name](file.read_bytes())


def _make_points(size: int | None, random: Random) -> Iterable[Point]:
    """Replay each kept input; fuzzers of all targets share the points that remain of `size`."""
    kept = list_corpus()
    for file in kept:
        yield Point(f"{file.parent.name} {file.name}", partial(replay_input, file))
    remaining = (size or 0) - len(kept)
    if remaining <= 0:
        return
    for name, speed in _RUNS_PER_SECOND.items():
        runs = max(1, remaining * speed // sum(_RUNS_PER_SECOND.values()) // _PARTS)
        for _ in range(_PARTS):
            seed = random.randrange(1, 2**31)
            yield Point(f"{name}: {runs} runs by -seed={seed}", partial(_fuzz, name, runs, seed), runs)


def _fuzz(name: str, runs: int, seed: int, folder: Path) -> None:
    """Fuzz a target in a process of its own; an input that breaks it stays in the folder."""
    shutil.copytree(CORPUS / name, folder / "corpus")
    (folder / "work").mkdir()
    result = subprocess.run(
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
    done = re.search(r"^Done (\d+) runs", result.stderr, re.MULTILINE)
    require(result.returncode == 0 and done and int(done[1]) >= runs, result.stdout + result.stderr[-_TAIL:])


FUZZ = Sweep(
    name="fuzz",
    title=f"any bytes, guided by coverage, are given to {', '.join(_RUNS_PER_SECOND)}",
    holds="no uncaught exception, no input over 10 s, memory below 1 GB; the outcome is that of a model",
    points=_make_points,
    short=len(list_corpus()),
    long=25_000_000,  # an hour of one processor
)
