"""Sweeps of the property tests in `tests-integration`, with more examples and a new seed for each point."""

import os
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from sweep import Point, Sweep, require

_TESTS = Path(__file__).parent.parent / "tests-integration"
_LAWS = [f"test_laws{part}.py" for part in ("", "_json", "_objects", "_own_jobs", "_rows")]
_MODEL = ["test_model.py"]
_EXAMPLES = {"laws": 10_000, "model": 1_000}  # examples or steps in each point
_TIMEOUT_HOURS = 2.0
_TAIL = 4000  # characters shown of a failed test's output


def _make_points(name: str, files: list[str], size: int | None, random: Random) -> Iterable[Point]:
    most = _EXAMPLES[name]
    for start in range(0, size or most, most):
        count = min(most, (size or most) - start)
        seed = random.randrange(2**32)
        label = f"{count} examples of {', '.join(files)} by --hypothesis-seed={seed}"
        yield Point(label, partial(_run_tests, files, count, seed), count)


def _run_tests(files: list[str], count: int, seed: int, folder: Path) -> None:
    words = ["--hypothesis-profile=long", f"--hypothesis-seed={seed}", "-p", "no:cacheprovider", "-q"]
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *words,
            f"--timeout={_TIMEOUT_HOURS * 3600:.0f}",
            *(str(_TESTS / name) for name in files),
        ],
        cwd=_TESTS.parent,
        env=os.environ | {"LAW_EXAMPLES": str(count), "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    require(result.returncode == 0, result.stdout[-_TAIL:] + result.stderr[-_TAIL:])


LAWS = Sweep(
    name="laws",
    title="any bytes, any JSON, any table as CSV and any object are given to A, B and C; a job of one's own "
    "does anything",
    holds="records are read back as the design says, or refused as documented; nothing is raised",
    points=partial(_make_points, "laws", _LAWS),
    short=0,  # 2,000 examples are among the tests of every change
    long=200_000,
)

MODEL = Sweep(
    name="model",
    title="runs of lines and of typed rows, refusals, rejects, duplicates, kills, other processes, "
    "misbehaving jobs, in any order",
    holds="after every step, batches, records, documents and answers are those of a model",
    points=partial(_make_points, "model", _MODEL),
    short=0,  # 400 steps are among the tests of every change
    long=10_000,
)
