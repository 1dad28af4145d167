"""Sweeps over the system calls of a run: killed at each, or each failing."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from children import traced
from scenarios import ALL, LARGE_ONES, SMALL, TEMPLATES, Scenario
from state import check_exit
from sweep import BrokenError, Point, Sweep, must

# Whatever opens, reads, writes, syncs, names, locks or removes; fstat, mmap and the like change nothing.
CALLS = """
    openat read pread64 write pwrite64 lseek fsync fdatasync ftruncate rename renameat link linkat unlink
    unlinkat mkdir rmdir fcntl flock close getdents64 fchmod fallocate
""".split()  # noqa: SIM905  # twenty words in quotation marks are hard to read
_LINE = re.compile(r"^(\d+) +(\w+)\(")

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EMFILE", "EACCES")


def counted(scenario: Scenario) -> Counter[str]:
    """Return how often a run makes each call: the most that any one of its threads does."""
    with TemporaryDirectory(prefix="faults-count-") as name:
        folder = Path(name).resolve()
        place = scenario.prepared(folder)
        log = folder / "strace"
        ended = traced(scenario.run, place.folder, ["-o", str(log), "-e", f"trace={','.join(CALLS)}"])
        if ended.code:
            raise RuntimeError(f"{scenario}: {ended}")
        threads: dict[str, Counter[str]] = {}
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if call := _LINE.match(line):
                threads.setdefault(call[1], Counter())[call[2]] += 1
    most: Counter[str] = Counter()
    for each in threads.values():
        most |= each
    return most


def chosen[T: tuple[object, ...]](every: list[T], size: int | None, random: Random) -> list[T]:
    """Return so many of all, as many of each call of each scenario as there are; all, without a number.

    Args:
        every: begins with scenario and call.
        size: how many.
        random: what draws them.
    """
    if size is None or size >= len(every):
        return every
    groups: dict[tuple[object, ...], list[T]] = {}
    for each in random.sample(every, len(every)):
        groups.setdefault(each[:2], []).append(each)
    in_turn = zip_longest(*groups.values())
    return list(islice((each for turn in in_turn for each in turn if each is not None), size))


def kill_points(scenarios: Sequence[Scenario], size: int | None, random: Random) -> Iterator[Point]:
    """Kill a run at the Nth of each call."""
    every = [
        (scenario, call, number)
        for scenario in scenarios
        for call, most in sorted(counted(scenario).items())
        for number in range(1, most + 1)
    ]
    for scenario, call, number in chosen(every, size, random):
        yield Point(f"{scenario}: SIGKILL at {call} {number}", partial(_killed, scenario, call, number))


def _killed(scenario: Scenario, call: str, number: int, folder: Path) -> str:
    place = TEMPLATES.place(scenario, folder)
    before = place.document.read_bytes() if place.document.exists() else None
    inject = f"inject={call}:signal=KILL:when={number}"
    ended = traced(scenario.run, folder, ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject])
    # Threads share the work differently each time: a call may not be reached at all.
    must(ended.code in (0, -9), f"ended with {ended}")
    place.check_unbroken(before)
    place.check_said(ended.out)
    scenario.check_again(place)
    return "killed" if ended.code else "not reached"


def error_points(size: int | None, random: Random) -> Iterator[Point]:
    """Have the Nth of each call fail, once or from then on."""
    every = [
        (scenario, call, number, error, lasting)
        for scenario in ALL
        for call, most in sorted(counted(scenario).items())
        for number in range(1, most + 1)
        for error in ERRORS
        for lasting in ("", "+")
    ]
    for scenario, call, number, error, lasting in chosen(every, size, random):
        label = f"{scenario}: {error} at {call} {number}{' and from then on' if lasting else ''}"
        yield Point(label, partial(_failed, scenario, f"{call}:error={error}:when={number}{lasting}"))


def _failed(scenario: Scenario, failure: str, folder: Path) -> str:
    place = TEMPLATES.place(scenario, folder)
    before = place.document.read_bytes() if place.document.exists() else None
    call = failure.partition(":")[0]
    options = ["-o", str(folder / "strace"), "-e", f"trace={call}", "-e", f"inject={failure}"]
    ended = traced(scenario.run, folder, options)
    try:
        check_exit(ended.code, ended.err, speechless=call == "write")
        place.check_unbroken(before)
        place.check_said(ended.out)
    except BrokenError as error:
        raise BrokenError(f"{error}\nout: {ended.out}\nerr: {ended.err}") from error
    scenario.check_again(place)
    return f"exit {ended.code}"


KILLS = Sweep(
    "kill",
    "SIGKILL at the Nth system call of A, B, C and A→B→C, with both journals",
    "document old, complete or absent; batches whole; the same command again: one finalized batch, no rest",
    partial(kill_points, SMALL),
    short=600,
)

LARGE_KILLS = Sweep(
    "kill-large",
    "the same with an input of several chunks, which threads read ahead and SQLite's cache cannot hold",
    "as for `kill`",
    partial(kill_points, LARGE_ONES),
    short=60,
    long=1_000,
)

CALL_ERRORS = Sweep(
    "errors",
    "the Nth system call fails, once or from then on: ENOSPC, EIO, EDQUOT, EMFILE, EACCES",
    "a documented exit code and no traceback; nothing half done; the next run succeeds",
    error_points,
    short=600,
)
