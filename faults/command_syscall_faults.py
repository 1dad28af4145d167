"""Sweeps over the system calls of the command as a person starts it, including its imports."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from processes import TIMEOUT, ProcessResult, read_output, start_command
from scenarios import Scenario
from sweep import Point, Sweep, require
from syscall_faults import CALLS, ERRORS, check_error, check_kill, choose_evenly

# The journal mode is the one that the linked SQLite and the file system allow.
_SCENARIOS = (Scenario("ABC"), Scenario("ABC", old=True))
_LINE = re.compile(r"^\d+ +(\w+)\((.*)")


def _run_under_strace(scenario: Scenario, folder: Path, options: Sequence[str]) -> ProcessResult:
    process = start_command(scenario.words, folder, wrapper=["strace", "-f", *options])
    code = process.wait(TIMEOUT)
    return ProcessResult(code, read_output(folder / "out"), read_output(folder / "err"))


def _list_calls(scenario: Scenario) -> list[tuple[str, int, bool]]:
    """List a run's calls: name, number among those of that name, whether a file of the run is used."""
    with TemporaryDirectory(prefix="faults-count-") as name:
        folder = Path(name).resolve()
        scenario.prepare(folder)
        log = folder / "strace"
        for _ in range(2):  # the first run may have compiled modules
            result = _run_under_strace(
                scenario, folder, ["-y", "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
            )
            require(result.code == 0, result)
        counts: Counter[str] = Counter()
        calls = []
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if call := _LINE.match(line):
                counts[call[1]] += 1
                # strace shows the current folder in every call that takes a path: leave it out. Leave out
                # calls on the standard streams as well: Python makes them while it starts.
                arguments = call[2].replace(f"AT_FDCWD<{folder}>", "")
                streams = call[1] != "write" and any(
                    f"{folder}/{name}>" in arguments for name in ("out", "err")
                )
                calls.append((call[1], counts[call[1]], str(folder) in arguments and not streams))
    return calls


def make_kill_points(size: int | None, random: Random) -> Iterator[Point]:
    """Kill the command at the Nth of each call."""
    every = [(scenario, *call) for scenario in _SCENARIOS for call in _list_calls(scenario)]
    # Half of the points at calls on files of the run, half at any call.
    own = [each for each in every if each[-1]]
    half = size and size // 2
    for scenario, call, number, _ in [
        *choose_evenly(own, half, random),
        *choose_evenly(every, half, random),
    ]:
        attempt = partial(check_kill, _run_under_strace, scenario, call, number)
        yield Point(f"{scenario}: SIGKILL at {call} {number}", attempt)


def make_error_points(size: int | None, random: Random) -> Iterator[Point]:
    """Make the Nth of each call on a file of the run fail; calls that load the program are left out."""
    every = [(scenario, *call) for scenario in _SCENARIOS for call in _list_calls(scenario) if call[-1]]
    for scenario, call, number, _ in choose_evenly(every, size, random):
        error, lasting = random.choice(ERRORS), random.choice(["", "+"])
        label = f"{scenario}: {error} at {call} {number}{' and from then on' if lasting else ''}"
        # If these calls kept failing, Python could not load the rest of the program.
        repeated = "" if call in ("openat", "read", "lseek", "close") else lasting
        failure = f"{call}:error={error}:when={number}{repeated}"
        yield Point(label, partial(check_error, _run_under_strace, scenario, failure))


COMMAND_KILLS = Sweep(
    "kill-command",
    "as for `kill`, through the command as a person starts it",
    "as for `kill`",
    make_kill_points,
    short=30,
    long=300,
)
COMMAND_ERRORS = Sweep(
    "errors-command",
    "as for `errors`, through the command as a person starts it",
    "as for `errors`",
    make_error_points,
    short=30,
    long=300,
)
