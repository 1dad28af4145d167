"""Sweep over exhausted resources: disk, inodes, file size, memory, descriptors."""

import math
import os
import resource
import subprocess
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from checks import RunFolder, check_exit
from contents import LARGE_LINES
from orders import LARGE_ORDERS
from processes import ProcessResult, run_forked
from scenarios import Scenario
from sweep import BrokenPromiseError, Point, Sweep, require

_KIB, _MIB = 1 << 10, 1 << 20
_SCENARIOS = (
    Scenario("ABC", content=LARGE_LINES),
    Scenario("ABC", "WAL", old=True, content=LARGE_LINES),
    Scenario("ABC", content=LARGE_ORDERS),
    Scenario("ABC"),
)


def make_points(size: int | None, random: Random) -> Iterator[Point]:
    """Limit one resource after another to a random amount."""
    for number in range(size or 1):
        scenario = random.choice(_SCENARIOS)
        match number % 5:
            case 0 | 1:
                amount = _draw_amount(random, 4, 16 * _KIB)
                yield Point(
                    f"{scenario}: a disk of {amount} KiB",
                    partial(_check_full_disk, scenario, f"size={amount}k"),
                )
            case 2:
                amount = random.randrange(8)
                yield Point(
                    f"{scenario}: {amount} inodes", partial(_check_full_disk, scenario, f"nr_inodes={amount}")
                )
            case 3:
                amount = _draw_amount(random, 4 * _KIB, 8 * _MIB)
                yield Point(
                    f"{scenario}: files of {amount} bytes",
                    partial(_check_limit, scenario, _limit_file_size, amount),
                )
            case _:
                name, most = random.choice([("memory", 32 * _MIB), ("descriptors", 16)])
                limit = {"memory": _limit_memory, "descriptors": _limit_descriptors}[name]
                amount = _draw_amount(random, 1, most)
                yield Point(
                    f"{scenario}: {amount} more {name}", partial(_check_limit, scenario, limit, amount)
                )


def _draw_amount(random: Random, least: int, most: int) -> int:
    """Draw a number between two, with any order of magnitude equally likely."""
    return round(math.exp(random.uniform(math.log(least), math.log(most))))


def _limit_file_size(amount: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (amount, amount))


def _limit_memory(amount: int) -> None:
    """Allow this many bytes of address space beyond those in use."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + amount
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _limit_descriptors(amount: int) -> None:
    """Allow this many descriptors beyond those that are open."""
    limit = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + amount
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def _check_limit(scenario: Scenario, limit: Callable[[int], None], amount: int, folder: Path) -> str:
    place = scenario.prepare(folder)
    before = place.read_document()

    def run() -> int:
        limit(amount)
        return scenario.run()

    outcome = _check_result(run_forked(run, folder), place, before)
    scenario.check_again(place)
    return outcome


def _check_result(result: ProcessResult, place: RunFolder, before: bytes | None) -> str:
    try:
        if "[internal.MemoryError]" in result.err:
            require(result.code == 1, f"exit code {result.code}")
        else:
            check_exit(result.code, result.err)
        place.check_intact(before)
        place.check_report(result.out)
    except BrokenPromiseError as error:
        raise BrokenPromiseError(f"{error}\nout: {result.out}\nerr: {result.err}") from error
    return f"exit {result.code}"


def _check_full_disk(scenario: Scenario, options: str, folder: Path) -> str:
    """Run in a small file system that only one child and its own children see."""
    disk = folder / "disk"
    disk.mkdir()

    def work() -> int:
        try:
            _mount(disk)
            print(_run_on_full_disk(scenario, disk, folder, options))
        except Exception:  # noqa: BLE001  # reported to the parent
            traceback.print_exc()
            return 1
        return 0

    result = run_forked(work, folder, folder / "mounted")
    require(result.code == 0, result.err)
    return result.out.strip()


def _mount(disk: Path) -> None:
    os.unshare(os.CLONE_NEWNS | (0 if os.geteuid() == 0 else os.CLONE_NEWUSER))
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", "size=64m", "none", str(disk)]):
        subprocess.run(["mount", *words], check=True)


def _run_on_full_disk(scenario: Scenario, disk: Path, folder: Path, options: str) -> str:
    """Mount the folder with little room beyond what exists before the run, run, and check."""
    place = scenario.prepare(disk)
    before = place.read_document()
    status = os.statvfs(disk)
    used = (status.f_blocks - status.f_bfree) * status.f_frsize // _KIB
    used_inodes = status.f_files - status.f_ffree
    name, amount = options.split("=")
    small = f"size={used + int(amount[:-1])}k" if name == "size" else f"nr_inodes={used_inodes + int(amount)}"
    subprocess.run(["mount", "-o", f"remount,{small}", str(disk)], check=True)
    result = run_forked(scenario.run, disk, folder / "printed")
    # The checks need room, too: SQLite reads a WAL through a file of its own.
    subprocess.run(["mount", "-o", "remount,size=64m,nr_inodes=100000", str(disk)], check=True)
    outcome = _check_result(result, place, before)
    scenario.check_again(place)
    return outcome


LIMITS = Sweep(
    "limits",
    "a full disk (tmpfs), no more inodes, `RLIMIT_FSIZE`, `RLIMIT_AS`, `RLIMIT_NOFILE`",
    "as for `errors`",
    make_points,
    short=50,
    long=400,
)
