"""What a run needs runs out: the disk, the size of a file, memory, descriptors."""

import math
import os
import resource
import subprocess
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from children import Ended, ran
from scenarios import Scenario
from state import LARGE, Place, check_exit
from sweep import BrokenError, Point, Sweep, must

_KIB, _MIB = 1 << 10, 1 << 20
_SCENARIOS = (Scenario("ABC", lines=LARGE), Scenario("ABC", "WAL", old=True, lines=LARGE), Scenario("ABC"))


def limit_points(size: int | None, random: Random) -> Iterator[Point]:
    """Run out of one thing after another, at random amounts of it."""
    for number in range(size or 1):
        scenario = random.choice(_SCENARIOS)
        match number % 5:
            case 0 | 1:
                amount = _some(random, 4, 16 * _KIB)
                yield Point(
                    f"{scenario}: a disk of {amount} KiB", partial(_full, scenario, f"size={amount}k")
                )
            case 2:
                amount = random.randrange(8)
                yield Point(f"{scenario}: {amount} inodes", partial(_full, scenario, f"nr_inodes={amount}"))
            case 3:
                amount = _some(random, 4 * _KIB, 8 * _MIB)
                yield Point(
                    f"{scenario}: files of {amount} bytes", partial(_limited, scenario, _file_size, amount)
                )
            case _:
                what, most = random.choice([(_memory, 32 * _MIB), (_descriptors, 16)])
                amount = _some(random, 1, most)
                yield Point(
                    f"{scenario}: {what.__name__} {amount}", partial(_limited, scenario, what, amount)
                )


def _some(random: Random, least: int, most: int) -> int:
    """Return a number of any order of magnitude between two."""
    return round(math.exp(random.uniform(math.log(least), math.log(most))))


def _file_size(amount: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (amount, amount))


def _memory(amount: int) -> None:
    """Allow so many bytes of address space more than are taken."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + amount
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _descriptors(amount: int) -> None:
    """Allow so many descriptors more than are open."""
    limit = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + amount
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def _limited(scenario: Scenario, limit: Callable[[int], None], amount: int, folder: Path) -> str:
    place = scenario.prepared(folder)
    before = place.document.read_bytes() if place.document.exists() else None

    def run() -> int:
        limit(amount)
        return scenario.run()

    came = _check(ran(run, folder), place, before)
    scenario.check_again(place)
    return came


def _check(ended: Ended, place: Place, before: bytes | None) -> str:
    try:
        if "[internal.MemoryError]" in ended.err:
            must(ended.code == 1, f"exit code {ended.code}")
        else:
            check_exit(ended.code, ended.err)
        place.check_unbroken(before)
        place.check_said(ended.out)
    except BrokenError as error:
        raise BrokenError(f"{error}\nout: {ended.out}\nerr: {ended.err}") from error
    return f"exit {ended.code}"


def _full(scenario: Scenario, options: str, folder: Path) -> str:
    """Run in a small file system that only one child and its own children see."""
    disk = folder / "disk"
    disk.mkdir()

    def work() -> int:
        try:
            _mount(disk)
            print(_on_a_full_disk(scenario, disk, folder, options))
        except Exception:  # noqa: BLE001  # told to the parent
            traceback.print_exc()
            return 1
        return 0

    ended = ran(work, folder, folder / "mounted")
    must(ended.code == 0, ended.err)
    return ended.out.strip()


def _mount(disk: Path) -> None:
    os.unshare(os.CLONE_NEWNS | (0 if os.geteuid() == 0 else os.CLONE_NEWUSER))
    for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "-o", "size=64m", "none", str(disk)]):
        subprocess.run(["mount", *words], check=True)


def _on_a_full_disk(scenario: Scenario, disk: Path, folder: Path, options: str) -> str:
    """Leave so much room beside what is there before the run."""
    place = scenario.prepared(disk)
    before = place.document.read_bytes() if place.document.exists() else None
    taken = os.statvfs(disk)
    used = (taken.f_blocks - taken.f_bfree) * taken.f_frsize // _KIB
    inodes = taken.f_files - taken.f_ffree
    name, amount = options.split("=")
    small = f"size={used + int(amount[:-1])}k" if name == "size" else f"nr_inodes={inodes + int(amount)}"
    subprocess.run(["mount", "-o", f"remount,{small}", str(disk)], check=True)
    ended = ran(scenario.run, disk, folder / "printed")
    # Whoever looks needs room, too: SQLite reads a WAL through a file of its own.
    subprocess.run(["mount", "-o", "remount,size=64m,nr_inodes=100000", str(disk)], check=True)
    came = _check(ended, place, before)
    scenario.check_again(place)
    return came


LIMITS = Sweep(
    "limits",
    "a full disk (tmpfs), no more inodes, `RLIMIT_FSIZE`, `RLIMIT_AS`, `RLIMIT_NOFILE`",
    "as for `errors`",
    limit_points,
    short=50,
    long=400,
)
