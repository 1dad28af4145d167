"""Sweeps over the system calls of the command as a person starts it, imports included."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from calls import CALLS, ERRORS, chosen
from children import PATIENCE, Ended, said, started
from scenarios import TEMPLATES, Scenario
from state import check_exit
from sweep import Point, Sweep, must

# The journal is the one that the linked SQLite and the file system allow.
_SCENARIOS = (Scenario("ABC"), Scenario("ABC", old=True))
_LINE = re.compile(r"^\d+ +(\w+)\((.*)")


def _under_strace(scenario: Scenario, folder: Path, options: list[str]) -> Ended:
    process = started(scenario.words, folder, wrapper=["strace", "-f", *options])
    code = process.wait(PATIENCE)
    return Ended(code, said(folder / "out"), said(folder / "err"))


def _calls(scenario: Scenario) -> list[tuple[str, int, bool]]:
    """Return each call of a run, which one of its name it is, and whether it is about a file of the run."""
    with TemporaryDirectory(prefix="faults-count-") as name:
        folder = Path(name).resolve()
        scenario.prepared(folder)
        log = folder / "strace"
        for _ in range(2):  # the first run may have compiled something
            ended = _under_strace(scenario, folder, ["-y", "-o", str(log), "-e", f"trace={','.join(CALLS)}"])
            must(ended.code == 0, ended)
        counts: Counter[str] = Counter()
        calls = []
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if call := _LINE.match(line):
                counts[call[1]] += 1
                # The current folder stands in every call that takes a path; what Python does to its standard
                # streams as it starts is its own affair.
                about = call[2].replace(f"AT_FDCWD<{folder}>", "")
                streams = call[1] != "write" and any(f"{folder}/{name}>" in about for name in ("out", "err"))
                calls.append((call[1], counts[call[1]], str(folder) in about and not streams))
    return calls


def kill_points(size: int | None, random: Random) -> Iterator[Point]:
    """Kill the command at the Nth of each call."""
    every = [(scenario, *call) for scenario in _SCENARIOS for call in _calls(scenario)]
    # Half of them where it does what it is for, half anywhere.
    ours = [each for each in every if each[-1]]
    half = size and size // 2
    for scenario, call, number, _ in [*chosen(ours, half, random), *chosen(every, half, random)]:
        yield Point(f"{scenario}: SIGKILL at {call} {number}", partial(_killed, scenario, call, number))


def _killed(scenario: Scenario, call: str, number: int, folder: Path) -> str:
    place = TEMPLATES.place(scenario, folder)
    before = place.document.read_bytes() if place.document.exists() else None
    inject = f"inject={call}:signal=KILL:when={number}"
    ended = _under_strace(scenario, folder, ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject])
    must(ended.code in (0, -9), f"ended with {ended}")
    place.check_unbroken(before)
    place.check_said(ended.out)
    scenario.check_again(place)
    return "killed" if ended.code else "not reached"


def error_points(size: int | None, random: Random) -> Iterator[Point]:
    """Have the Nth of each call that is about a file of the run fail: not those that load the program."""
    every = [(scenario, *call) for scenario in _SCENARIOS for call in _calls(scenario) if call[-1]]
    for scenario, call, number, _ in chosen(every, size, random):
        error, lasting = random.choice(ERRORS), random.choice(["", "+"])
        label = f"{scenario}: {error} at {call} {number}{' and from then on' if lasting else ''}"
        yield Point(label, partial(_failed, scenario, f"{call}:error={error}:when={number}", lasting))


def _failed(scenario: Scenario, failure: str, lasting: str, folder: Path) -> str:
    place = TEMPLATES.place(scenario, folder)
    before = place.document.read_bytes() if place.document.exists() else None
    call = failure.partition(":")[0]
    # What fails from then on might also keep Python from loading the rest of the program.
    inject = f"inject={failure}{lasting if call not in ('openat', 'read', 'lseek', 'close') else ''}"
    ended = _under_strace(scenario, folder, ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject])
    check_exit(ended.code, ended.err, speechless=call == "write")
    place.check_unbroken(before)
    place.check_said(ended.out)
    scenario.check_again(place)
    return f"exit {ended.code}"


COMMAND_KILLS = Sweep(
    "kill-command",
    "the same through the command as a person starts it",
    "as for `kill`",
    kill_points,
    short=30,
    long=300,
)
COMMAND_ERRORS = Sweep(
    "errors-command",
    "the same through the command as a person starts it",
    "as for `errors`",
    error_points,
    short=30,
    long=300,
)
