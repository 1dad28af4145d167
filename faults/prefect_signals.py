"""Sweep of signals at any time of a run on Prefect's temporary server, which must end with the run."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from checks import DATABASE
from own_jobs import BEGUN, BEHAVIOUR, HANGS
from prefect_api_faults import INPUTS, check_batches, check_resume, write_inputs
from prefect_servers import get_migrated_home
from processes import ProcessResult, check_no_orphans, read_output, start_command
from sweep import BrokenPromiseError, Point, Sweep, require

_CLEANUP = 6.0  # seconds for the command to end: five are promised, one is for a busy machine
_ORPHANS = 5.0  # seconds for the processes it started to end after it
_START = 60.0  # seconds in which it has to log its engine
_WINDOW = 12.0  # seconds after that in which signals are sent; a run takes eight

_OWN_JOBS = Path(__file__).with_name("own_jobs.py")
_OWN_EACH = 3  # each third point has a job of one's own that hangs
_HANGS = tuple(each for each in HANGS if each != "waits for a process")  # nobody ends that after a SIGKILL
_KINDS: tuple[tuple[signal.Signals, ...], ...] = (
    (signal.SIGKILL,),
    (signal.SIGTERM,),
    (signal.SIGINT,),
    (signal.SIGHUP,),
    (signal.SIGTERM, signal.SIGTERM),
    (signal.SIGINT, signal.SIGTERM),
)


def _wait_until_running(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the command has logged its engine; from then on it handles signals."""
    deadline = time.monotonic() + _START
    while "engine prefect" not in read_output(folder / "err"):
        require(process.poll() is None and time.monotonic() < deadline, "the command does not start")
        time.sleep(0.02)


def _wait_until_hanging(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until a job of one's own hangs."""
    deadline = time.monotonic() + _START
    while not (folder / BEGUN).exists():
        require(process.poll() is None and time.monotonic() < deadline, "the job does not begin")
        time.sleep(0.02)


def _check_signals(
    folder: Path, numbers: tuple[signal.Signals, ...], delay: float, pause: float, behaviour: str | None
) -> None:
    write_inputs(folder)
    shutil.copytree(get_migrated_home(), folder / ".prefect")
    pipeline = []
    if behaviour:
        (folder / BEHAVIOUR).write_text(behaviour, encoding="utf-8")
        pipeline = ["--pipeline", f"{_OWN_JOBS}:hanging"]
    with start_command([*pipeline, "--engine", "prefect", "run-all", *INPUTS], folder) as process:
        try:
            _wait_until_running(process, folder)
            if behaviour:
                _wait_until_hanging(process, folder)
            else:
                time.sleep(delay)
            for number in numbers:
                process.send_signal(number)
                time.sleep(pause if len(numbers) > 1 else 0)
            process.wait(_CLEANUP)
        except subprocess.TimeoutExpired as error:
            text = f"still running {_CLEANUP:g} s after the signal: {read_output(folder / 'err')}"
            raise BrokenPromiseError(text) from error
        finally:
            process.kill()
    result = ProcessResult(process.returncode, read_output(folder / "out"), read_output(folder / "err"))
    check_no_orphans(process.pid, _ORPHANS)
    _check_exit_code(result, numbers)
    check_batches(folder / DATABASE)
    check_resume(folder)


def _check_exit_code(result: ProcessResult, numbers: tuple[signal.Signals, ...]) -> None:
    codes = {0} | {128 + number for number in numbers if number != signal.SIGKILL}
    # While Python shuts down, signals have their default action; a shell reports the same exit code for it.
    finished = f"{len(INPUTS)} done" in result.out
    codes |= {-number for number in numbers if finished or len(numbers) > 1 or number == signal.SIGKILL}
    require(result.code in codes, f"exit code {result.code}: {result}")
    require("Traceback" not in result.err + result.out, f"a traceback: {result}")


def _make_points(size: int | None, random: Random) -> Iterable[Point]:
    get_migrated_home()
    points = []
    for number in range(size or 100):
        numbers = _KINDS[number % len(_KINDS)]
        delay, pause = random.uniform(0, _WINDOW), random.uniform(0, 1)
        names = " and ".join(each.name for each in numbers)
        behaviour = _HANGS[number // _OWN_EACH % len(_HANGS)] if number % _OWN_EACH == 1 else None
        when = f"while a job {behaviour}" if behaviour else f"after {delay:.3f} s"
        attempt = partial(_check_signals, numbers=numbers, delay=delay, pause=pause, behaviour=behaviour)
        points.append(Point(f"{names} {when}, {pause:.3f} s apart", attempt))
    return points


PREFECT_SIGNALS = Sweep(
    name="prefect-signals",
    title="SIGKILL, SIGTERM, SIGINT, SIGHUP or two of them, at any time of a run on the temporary server, "
    "and while a job of one's own hangs",
    holds="exit 143, 130 or 129 in time; no process left; batches whole; the same command resumes",
    points=_make_points,
    short=8,
    long=200,
)
