"""The laws of `tests-integration`, with as many examples as a proof takes, drawn anew in each point."""

import os
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from sweep import Point, Sweep, must

_TESTS = Path(__file__).parent.parent / "tests-integration"
_LAWS = [f"test_laws{part}.py" for part in ("", "_json", "_objects")]
_MODEL = ["test_model.py"]
_EACH = {"laws": 10_000, "model": 1_000}  # examples or steps of one point
_HOURS = 2.0
_TOLD = 4000  # characters of what a test says at its end


def _points(name: str, files: list[str], size: int | None, random: Random) -> Iterable[Point]:
    most = _EACH[name]
    for start in range(0, size or most, most):
        count = min(most, (size or most) - start)
        seed = random.randrange(2**32)
        label = f"{count} examples of {', '.join(files)} by --hypothesis-seed={seed}"
        yield Point(label, partial(_attempt, files, count, seed), count)


def _attempt(files: list[str], count: int, seed: int, folder: Path) -> None:
    words = ["--hypothesis-profile=long", f"--hypothesis-seed={seed}", "-p", "no:cacheprovider", "-q"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *words, f"--timeout={_HOURS * 3600:.0f}", *map(str, _files(files))],
        cwd=_TESTS.parent,
        env=os.environ | {"LAW_EXAMPLES": str(count), "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    must(ended.returncode == 0, ended.stdout[-_TOLD:] + ended.stderr[-_TOLD:])


def _files(names: list[str]) -> list[Path]:
    return [_TESTS / name for name in names]


LAWS = Sweep(
    name="laws",
    title="any bytes, any JSON and any object at all are given to A, B and C",
    holds="what is read back is what the design says, or a documented refusal; nothing is raised",
    points=partial(_points, "laws", _LAWS),
    short=0,  # they are among the tests of every change, 2,000 of them
    long=200_000,
)

MODEL = Sweep(
    name="model",
    title="runs, refusals, duplicates, kills, other processes, in any order",
    holds="after every step, batches, records, documents and answers are those of a model",
    points=partial(_points, "model", _MODEL),
    short=0,  # 200 steps are among the tests of every change
    long=10_000,
)
