"""Sweep of signals, one or two in a row, at random times of the command as a person starts it."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from random import Random
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, Signals

from checks import RunFolder, check_exit
from contents import Lines
from own_jobs import BEGUN, BEHAVIOUR, HANGS
from processes import (
    TIMEOUT,
    build_arguments,
    check_no_orphans,
    read_output,
    run_forked,
    run_in_process,
    start_command,
)
from sweep import BrokenPromiseError, Point, Sweep, require

_LINES = Lines(tuple(f"line {number} " + "x" * 140 for number in range(1, 40_001)))
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
_WORDS = build_arguments("run-all", "input.txt")
_OWN_JOBS = Path(__file__).with_name("own_jobs.py")
_WORDS_OF_OWN = build_arguments("--pipeline", f"{_OWN_JOBS}:hanging", "run-all", "input.txt")
_OWN_EACH = 3  # each third point has a job of one's own that hangs
_CLEANUP = 5.0 + 1.0  # seconds: five are promised, one is for a busy machine


def make_points(size: int | None, random: Random) -> Iterator[Point]:
    """Send each combination of signals in turn, at random moments of a run, or while a job hangs."""
    for number in range(size or len(_KINDS)):
        kind = _KINDS[number % len(_KINDS)]
        moment, gap = random.random(), random.uniform(0, 0.05)
        if number % _OWN_EACH == 1:
            behaviour = [*HANGS][number // _OWN_EACH % len(HANGS)]
            if kind not in ((SIGTERM,), (SIGINT,), (SIGHUP,)) and behaviour == "waits for a process":
                # A killed job cannot end the process that it has started; a second signal kills too.
                behaviour = "sleeps"
            label = f"{' and '.join(each.name for each in kind)} while a job {behaviour}, {gap:.3f} s apart"
            yield Point(label, partial(_check_hanging_job, kind, behaviour, moment, gap))
            continue
        label = f"{' and '.join(each.name for each in kind)} after {moment:.3f} of a run, {gap:.3f} s apart"
        yield Point(label, partial(_check_signals, kind, moment, gap))


def _check_signals(kind: Sequence[Signals], moment: float, gap: float, folder: Path) -> str:
    place = RunFolder(folder, _LINES)
    place.write_input()
    seconds = _measure_run(folder)
    process = start_command(_WORDS, folder)
    _wait_until_started(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment * seconds)
    code = _send_signals(process, kind, gap)
    require(code in _get_expected_codes(kind), f"exit code {code}")
    if not set(kind) & {SIGKILL}:
        check_exit(0, read_output(folder / "err"))
    check_no_orphans(process.pid, _CLEANUP)
    place.check_intact()
    place.check_report(read_output(folder / "out"))
    again = run_forked(partial(run_in_process, _WORDS), folder, folder / "again")
    require(again.code == 0, f"the same command again: {again}")
    place.check_done("ABC")
    return f"exit {code}"


def _check_hanging_job(
    kind: Sequence[Signals], behaviour: str, moment: float, gap: float, folder: Path
) -> str:
    """Signals end a job of one's own too, whatever it does; the same command does the rest."""
    place = RunFolder(folder)
    place.write_input()
    (folder / BEHAVIOUR).write_text(behaviour, encoding="utf-8")
    process = start_command(_WORDS_OF_OWN, folder)
    deadline = time.monotonic() + TIMEOUT
    while not (folder / BEGUN).exists():
        require(process.poll() is None and time.monotonic() < deadline, "the job does not begin")
        time.sleep(0.001)
    time.sleep(moment / 10)
    code = _send_signals(process, kind, gap)
    require(code in _get_expected_codes(kind) - {0}, f"exit code {code}")
    check_no_orphans(process.pid, _CLEANUP)
    place.check_intact()
    (folder / BEHAVIOUR).unlink()
    again = run_forked(partial(run_in_process, _WORDS_OF_OWN), folder, folder / "again")
    require(again.code == 0, f"the same command again: {again}")
    place.check_done("ABC")
    return f"exit {code}"


def _get_expected_codes(kind: Sequence[Signals]) -> set[int]:
    """Return the exit codes that are allowed: 0, 128 + signal, or -signal as Python reports it."""
    return {0} | {code for each in kind for code in (-each, 128 + each)}


def _send_signals(process: subprocess.Popen[bytes], kind: Sequence[Signals], gap: float) -> int:
    """Send signals in a row, and return the exit code.

    Raises:
        BrokenPromiseError: the process does not end in time.
    """
    for number, each in enumerate(kind):
        time.sleep(gap if number else 0)
        with suppress(ProcessLookupError):
            process.send_signal(each)
    try:
        return process.wait(_CLEANUP)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise BrokenPromiseError(f"still running {_CLEANUP} s after {kind}") from error


def _wait_until_started(process: subprocess.Popen[bytes]) -> None:
    """Wait until the command's first line has run; before that, Python handles signals."""
    python_handles = False
    while process.poll() is None:
        lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
        caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
        interrupt, terminate = (bool(caught >> (number - 1) & 1) for number in (SIGINT, SIGTERM))
        # Python handles SIGINT from its start. Our first line removes that handler, until we handle both.
        if terminate or (python_handles and not interrupt):
            return
        python_handles = interrupt
        time.sleep(0.001)


@cache
def _measure_run(folder: Path) -> float:
    """Return how many seconds an undisturbed run takes, counted from the command's first line."""
    times = []
    for _ in range(3):
        shutil.rmtree(folder / "data", ignore_errors=True)
        process = start_command(_WORDS, folder)
        _wait_until_started(process)
        start = time.monotonic()
        require(process.wait(TIMEOUT) == 0, "an undisturbed run fails")
        times.append(time.monotonic() - start)
    shutil.rmtree(folder / "data")
    return min(times)


SIGNALS = Sweep(
    "signals",
    "SIGKILL, SIGTERM, SIGINT, SIGHUP, or two of them in a row, at random times of the real command, "
    "and while a job of one's own hangs",
    "as for `kill`; exit 143, 130 or 129 within five seconds; no process left",
    make_points,
    short=100,
    long=10_000,
)
