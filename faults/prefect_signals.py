"""Signals at any time of a run on Prefect's temporary server, which must not be left behind."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from children import Ended, said, started
from prefect_servers import home
from prefect_trouble import goes_on, prepared, whole
from sweep import Point, Sweep, must

_PROMPT = 6.0  # seconds for the command to end: five are promised, and the machine is busy
_GONE = 5.0  # seconds for what it started to end after it was killed
_START = 60.0  # seconds in which it says which engine it has
_LAST = 12.0  # seconds after that within which signals are sent; a run takes eight

_INPUTS = ("one.txt", "two.txt")
_KINDS: tuple[tuple[signal.Signals, ...], ...] = (
    (signal.SIGKILL,),
    (signal.SIGTERM,),
    (signal.SIGINT,),
    (signal.SIGHUP,),
    (signal.SIGTERM, signal.SIGTERM),
    (signal.SIGINT, signal.SIGTERM),
)


def _alive(session: int) -> list[str]:
    """Return the processes of a session, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(f"{entry.name} {command.decode(errors='replace').replace(chr(0), ' ')}")
    return found


def _running(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the command has said which engine it has, from where on it answers to signals."""
    deadline = time.monotonic() + _START
    while "engine prefect" not in said(folder / "err"):
        must(process.poll() is None and time.monotonic() < deadline, "the command does not start")
        time.sleep(0.02)


def _signalled(folder: Path, numbers: tuple[signal.Signals, ...], delay: float, pause: float) -> None:
    prepared(folder)
    shutil.copytree(home(), folder / ".prefect")
    with started(["--engine", "prefect", "run-all", *_INPUTS], folder) as process:
        try:
            _running(process, folder)
            time.sleep(delay)
            for number in numbers:
                process.send_signal(number)
                time.sleep(pause if len(numbers) > 1 else 0)
            process.wait(_PROMPT)
        except subprocess.TimeoutExpired:
            must(False, f"still there {_PROMPT:g} s after the signal: {said(folder / 'err')}")  # noqa: FBT003  # never
        finally:
            process.kill()
    ended = Ended(process.returncode, said(folder / "out"), said(folder / "err"))
    _left_nothing(process.pid)
    _ended_well(ended, numbers)
    whole(folder / "data/pipeline.db")
    goes_on(folder)


def _left_nothing(session: int) -> None:
    deadline = time.monotonic() + _GONE
    while (alive := _alive(session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in alive:
        os.kill(int(process.partition(" ")[0]), signal.SIGKILL)
    must(not alive, f"left running: {alive}")


def _ended_well(ended: Ended, numbers: tuple[signal.Signals, ...]) -> None:
    codes = {0} | {128 + number for number in numbers if number != signal.SIGKILL}
    # As Python ends, a signal does what it does by itself, which a shell counts the same.
    over = f"{len(_INPUTS)} done" in ended.out
    codes |= {-number for number in numbers if over or len(numbers) > 1 or number == signal.SIGKILL}
    must(ended.code in codes, f"the exit code is {ended.code}: {ended}")
    must("Traceback" not in ended.err + ended.out, f"a traceback: {ended}")


def _points(size: int | None, random: Random) -> Iterable[Point]:
    home()
    points = []
    for number in range(size or 100):
        numbers = _KINDS[number % len(_KINDS)]
        delay, pause = random.uniform(0, _LAST), random.uniform(0, 1)
        names = " and ".join(each.name for each in numbers)
        attempt = partial(_signalled, numbers=numbers, delay=delay, pause=pause)
        points.append(Point(f"{names} after {delay:.3f} s, {pause:.3f} s apart", attempt))
    return points


PREFECT_SIGNALS = Sweep(
    name="prefect-signals",
    title="SIGKILL, SIGTERM, SIGINT, SIGHUP or two in a row, at any time of a run on the temporary server",
    holds="exit 143, 130, 129 in time, no process left, whole batches, the same command goes on",
    points=_points,
    short=8,
    long=200,
)
