"""Sweeps over the system calls of a run: the run is killed at a call, or the call fails."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from checks import check_exit
from processes import ProcessResult, run_traced
from scenarios import ALL_SCENARIOS, LARGE_SCENARIOS, SMALL_SCENARIOS, TEMPLATES, Scenario
from sweep import BrokenPromiseError, Point, Sweep, require

# All calls that open, read, write, sync, name, lock or remove; fstat, mmap and the like change nothing.
CALLS = """
    openat read pread64 write pwrite64 lseek fsync fdatasync ftruncate rename renameat link linkat unlink
    unlinkat mkdir rmdir fcntl flock close getdents64 fchmod fallocate
""".split()  # noqa: SIM905  # twenty words in quotation marks are hard to read
_LINE = re.compile(r"^(\d+) +(\w+)\(")

type TracedRun = Callable[[Scenario, Path, Sequence[str]], ProcessResult]
"""Runs a scenario in a folder under strace with these options."""

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EMFILE", "EACCES")


def count_calls(scenario: Scenario) -> Counter[str]:
    """Count each call of a run; of several threads, the largest count."""
    with TemporaryDirectory(prefix="faults-count-") as name:
        folder = Path(name).resolve()
        place = scenario.prepare(folder)
        log = folder / "strace"
        result = run_traced(scenario.run, place.folder, ["-o", str(log), "-e", f"trace={','.join(CALLS)}"])
        if result.code:
            raise RuntimeError(f"{scenario}: {result}")
        threads: dict[str, Counter[str]] = {}
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if call := _LINE.match(line):
                threads.setdefault(call[1], Counter())[call[2]] += 1
    most: Counter[str] = Counter()
    for each in threads.values():
        most |= each
    return most


def choose_evenly[T: tuple[object, ...]](every: list[T], size: int | None, random: Random) -> list[T]:
    """Draw items, as evenly as possible from every pair of scenario and call.

    Args:
        every: items, which begin with scenario and call.
        size: number of items to draw; None for all.
        random: source of chance.
    """
    if size is None or size >= len(every):
        return every
    groups: dict[tuple[object, ...], list[T]] = {}
    for each in random.sample(every, len(every)):
        groups.setdefault(each[:2], []).append(each)
    turns = zip_longest(*groups.values())
    return list(islice((each for turn in turns for each in turn if each is not None), size))


def make_kill_points(scenarios: Sequence[Scenario], size: int | None, random: Random) -> Iterator[Point]:
    """Kill a run at the Nth of each call."""
    every = [
        (scenario, call, number)
        for scenario in scenarios
        for call, most in sorted(count_calls(scenario).items())
        for number in range(1, most + 1)
    ]
    for scenario, call, number in choose_evenly(every, size, random):
        attempt = partial(check_kill, _run_traced, scenario, call, number)
        yield Point(f"{scenario}: SIGKILL at {call} {number}", attempt)


def check_kill(run: TracedRun, scenario: Scenario, call: str, number: int, folder: Path) -> str:
    """Kill a run at one call, and check that nothing is broken and the same command finishes the work."""
    place = TEMPLATES.fill(scenario, folder)
    before = place.read_document()
    inject = f"inject={call}:signal=KILL:when={number}"
    result = run(scenario, folder, ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject])
    # Threads divide the work differently in each run, so the call may not be reached at all.
    require(result.code in (0, -9), f"ended with {result}")
    place.check_intact(before)
    place.check_report(result.out)
    scenario.check_again(place)
    return "killed" if result.code else "not reached"


def make_error_points(size: int | None, random: Random) -> Iterator[Point]:
    """Make the Nth of each call fail, once or from then on."""
    every = [
        (scenario, call, number, error, lasting)
        for scenario in ALL_SCENARIOS
        for call, most in sorted(count_calls(scenario).items())
        for number in range(1, most + 1)
        for error in ERRORS
        for lasting in ("", "+")
    ]
    for scenario, call, number, error, lasting in choose_evenly(every, size, random):
        label = f"{scenario}: {error} at {call} {number}{' and from then on' if lasting else ''}"
        failure = f"{call}:error={error}:when={number}{lasting}"
        yield Point(label, partial(check_error, _run_traced, scenario, failure))


def check_error(run: TracedRun, scenario: Scenario, failure: str, folder: Path) -> str:
    """Make a call of a run fail, and check its report and that the same command finishes the work.

    Args:
        run: runs a scenario under strace.
        scenario: what to run.
        failure: call and error as strace takes them, such as ``write:error=EIO:when=3+``.
        folder: an empty folder.
    """
    place = TEMPLATES.fill(scenario, folder)
    before = place.read_document()
    call = failure.partition(":")[0]
    log = str(folder / "strace")  # kept with the folder of a fault
    result = run(scenario, folder, ["-o", log, "-e", f"trace={call}", "-e", f"inject={failure}"])
    try:
        check_exit(result.code, result.err, may_be_silent=call == "write")
        place.check_intact(before)
        place.check_report(result.out)
    except BrokenPromiseError as error:
        raise BrokenPromiseError(f"{error}\nout: {result.out}\nerr: {result.err}") from error
    scenario.check_again(place)
    return f"exit {result.code}"


def _run_traced(scenario: Scenario, folder: Path, options: Sequence[str]) -> ProcessResult:
    return run_traced(scenario.run, folder, options)


KILLS = Sweep(
    "kill",
    "SIGKILL at the Nth system call of A, B, C and A→B→C, with lines and typed rows, with both journals",
    "the document is the old one, complete or absent; batches are whole, with all rows and rejects; the same "
    "command again leaves one finalized batch and no other file",
    partial(make_kill_points, SMALL_SCENARIOS),
    short=600,
)

LARGE_KILLS = Sweep(
    "kill-large",
    "as for `kill`, with an input of several chunks: threads read ahead, SQLite's cache is too small",
    "as for `kill`",
    partial(make_kill_points, LARGE_SCENARIOS),
    short=60,
    long=1_000,
)

CALL_ERRORS = Sweep(
    "errors",
    "the Nth system call fails, once or from then on: ENOSPC, EIO, EDQUOT, EMFILE, EACCES",
    "a documented exit code and no traceback; no partial results; the next run succeeds",
    make_error_points,
    short=600,
)
