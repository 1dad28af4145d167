"""Signals at random times, one or two in a row, to the command as a person starts it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from random import Random
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, Signals

from children import PATIENCE, arguments, command, ran, said, started
from state import Place, check_exit
from sweep import Point, Sweep, must

_LINES = tuple(f"line {number} " + "x" * 140 for number in range(1, 40_001))
_KINDS: tuple[tuple[Signals, ...], ...] = (
    (SIGKILL,),
    (SIGTERM,),
    (SIGINT,),
    (SIGHUP,),
    (SIGTERM, SIGTERM),
    (SIGINT, SIGINT),
    (SIGINT, SIGTERM),
    (SIGHUP, SIGKILL),
)
_WORDS = arguments("run-all", "input.txt")
_CLEANING = 5.0 + 1.0  # seconds that cleaning up may take, and what a busy machine adds


def signal_points(size: int | None, random: Random) -> Iterator[Point]:
    """Send each kind of signals in turn, at random moments of a run."""
    for number in range(size or len(_KINDS)):
        kind = _KINDS[number % len(_KINDS)]
        moment, gap = random.random(), random.uniform(0, 0.05)
        label = f"{' and '.join(each.name for each in kind)} after {moment:.3f} of a run, {gap:.3f} s apart"
        yield Point(label, partial(_signalled, kind, moment, gap))


def _signalled(kind: Sequence[Signals], moment: float, gap: float, folder: Path) -> str:
    place = Place(folder, _LINES)
    place.write_input()
    lasts = _lasts(folder)
    process = started(_WORDS, folder)
    wait_until_begun(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment * lasts)
    code = end(process, kind, gap)
    must(code in expected(kind), f"exit code {code}")
    if not set(kind) & {SIGKILL}:
        check_exit(0, said(folder / "err"))
    no_orphans(process.pid)
    place.check_unbroken()
    place.check_said(said(folder / "out"))
    again = ran(command(_WORDS), folder, folder / "again")
    must(again.code == 0, f"the same command again: {again}")
    place.check_done("ABC")
    return f"exit {code}"


def expected(kind: Sequence[Signals]) -> set[int]:
    """Return the codes that a process may end with: that of a signal, or negative, as Python has it."""
    return {0} | {code for each in kind for code in (-each, 128 + each)}


def end(process: subprocess.Popen[bytes], kind: Sequence[Signals], gap: float) -> int:
    """Send signals in a row, and return the exit code.

    Raises:
        BrokenError: it does not end in time.
    """
    for number, each in enumerate(kind):
        time.sleep(gap if number else 0)
        with suppress(ProcessLookupError):
            process.send_signal(each)
    try:
        return process.wait(_CLEANING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        must(holds=False, said=f"runs on {_CLEANING} s after {kind}")
        raise


def wait_until_begun(process: subprocess.Popen[bytes]) -> None:
    """Wait until Python has started and our first line has run: before, signals are Python's to handle."""
    python_does = False
    while process.poll() is None:
        lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
        caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
        interrupt, terminate = (bool(caught >> (number - 1) & 1) for number in (SIGINT, SIGTERM))
        # Python handles SIGINT as it starts; our first line gives that up, until we handle both.
        if terminate or (python_does and not interrupt):
            return
        python_does = interrupt
        time.sleep(0.001)


def no_orphans(session: int) -> None:
    """Make sure that no process of a session lives on.

    Raises:
        BrokenError: one does.
    """
    deadline = time.monotonic() + _CLEANING
    while left := list(_of_session(session)):
        if time.monotonic() > deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            must(holds=False, said=f"processes live on: {left}")
        time.sleep(0.05)


def _of_session(session: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the name in parentheses: state, parent, group, session …
            state, _, _, its, *_ = stat.read_text(errors="replace").rpartition(")")[2].split()
            if int(its) == session and state != "Z":
                yield int(stat.parent.name)


@cache
def _lasts(folder: Path) -> float:
    """Return how long a run that nothing disturbs takes, in seconds from when it has begun."""
    times = []
    for _ in range(3):
        shutil.rmtree(folder / "data", ignore_errors=True)
        process = started(_WORDS, folder)
        wait_until_begun(process)
        start = time.monotonic()
        must(process.wait(PATIENCE) == 0, "a run that nothing disturbs fails")
        times.append(time.monotonic() - start)
    shutil.rmtree(folder / "data")
    return min(times)


SIGNALS = Sweep(
    "signals",
    "SIGKILL, SIGTERM, SIGINT, SIGHUP, or two of them in a row, at random times of the real command",
    "as for `kill`; exit 143, 130 or 129 within five seconds; no process lives on",
    signal_points,
    short=100,
    long=10_000,
)
