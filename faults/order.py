"""The order of system calls: what is said to be done was made durable before."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from random import Random

from children import command, journal, traced
from scenarios import SMALL, Scenario
from sweep import Point, Sweep, must

_CALLS = "write,pwrite64,ftruncate,fsync,fdatasync,openat,mkdir,link,linkat,rename,renameat,unlink,unlinkat"
# 4711  pwrite64(5</tmp/x.db>, "…", 4096, 0) = 4096
_CALL = re.compile(
    r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)(?P<opened><[^>]*>)?", re.DOTALL
)
_DESCRIPTOR = re.compile(r"^\d+<(?P<path>[^>]*)>")
_PATHS = re.compile(r'(?:<(?P<folder>[^>]*)>, )?"(?P<name>[^"]*)"')
_VOLATILE = ("-shm",)  # rebuilt after a crash


@dataclass(slots=True)
class Disk:
    """What a power cut could still take.

    Attributes:
        unsynced: files written to since they were last synced.
        unnamed: names made or removed since the folder that they are in was last synced.
        there: files that are there; opening one with O_CREAT makes none.
        reports: how often something was said.
    """

    there: set[str]
    unsynced: set[str] = field(default_factory=set)
    unnamed: set[str] = field(default_factory=set)
    reports: int = 0

    def take(self, name: str, arguments: str, opened: str) -> None:
        """Take in a call that succeeded."""
        descriptor = _DESCRIPTOR.match(arguments)
        path = descriptor["path"] if descriptor else ""
        # A name stands alone, or after the folder that it is in.
        paths = [str(PurePath(folder, name)) for folder, name in _PATHS.findall(arguments)]
        match name:
            case "write" if path.endswith(("/out", "/err")):
                self._report()
            case "write" | "pwrite64" | "ftruncate" if not path.endswith(_VOLATILE):
                self._write(path)
            case "fsync" | "fdatasync":
                self.unsynced.discard(path)
                self.unnamed -= {name for name in self.unnamed if str(PurePath(name).parent) == path}
            case "openat" if "O_CREAT" in arguments and opened not in self.there:
                self._name(opened)
            case "mkdir":
                self._name(paths[0])
            case "link" | "linkat" | "rename" | "renameat":
                must(paths[0] not in self.unsynced, f"{paths[1]} gets its name before its content is synced")
                self._name(paths[1])
            case "unlink" | "unlinkat":
                self._unlink(paths[0])

    def _name(self, path: str) -> None:
        self.there.add(path)
        if not path.endswith(_VOLATILE):
            self.unnamed.add(path)

    def _unlink(self, path: str) -> None:
        self.there.discard(path)
        self.unsynced.discard(path)
        if path.endswith((*_VOLATILE, "-wal")):
            self.unnamed.discard(path)  # what a WAL held is in the database by then: it may come back
        else:
            self.unnamed.add(path)

    def _write(self, path: str) -> None:
        if path.endswith(".db"):
            must(
                f"{path}-journal" not in self.unsynced, "the database is written before its journal is synced"
            )
        self.unsynced.add(path)

    def _report(self) -> None:
        self.reports += 1
        must(not self.unsynced, f"said to be done before it is synced: {sorted(self.unsynced)}")
        must(not self.unnamed, f"said to be done before the folder is synced: {sorted(self.unnamed)}")


def order_points(size: int | None, _random: Random) -> Iterator[Point]:
    """Follow the calls of each scenario."""
    for scenario in SMALL[:size]:
        yield Point(str(scenario), partial(_followed, scenario))


def _followed(scenario: Scenario, folder: Path) -> str:
    place = scenario.prepared(folder)
    # Each job is reported as it ends, by a line of the log.
    words = ["INFO" if word == "OFF" else word for word in scenario.words]

    def run() -> int:
        journal(scenario.mode)
        return command(words)()

    disk = Disk({str(path) for path in folder.rglob("*")})
    log = folder / "strace"
    printed = folder.with_name(f"{folder.name}-printed")
    options = ["-y", "-s", "0", "-o", str(log), "-e", f"trace={_CALLS}"]
    ended = traced(run, place.folder, options, printed)
    must(ended.code == 0, ended)
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        call = _CALL.match(line)
        if call and int(call["result"]) >= 0:
            disk.take(call["name"], call["arguments"], (call["opened"] or "").strip("<>"))
    # The engine, each job, and the results.
    must(disk.reports >= len(scenario.jobs) + 2, f"only {disk.reports} reports were seen")
    must("unfinished" not in log.read_text(encoding="utf-8"), "calls of two threads overlap")
    return f"{disk.reports} reports"


ORDER = Sweep(
    "order",
    "nothing; the order of the system calls is followed (strace)",
    "content, sync, name, the folder's sync; journal before database; all of it before it is reported",
    order_points,
    short=len(SMALL),
    long=len(SMALL),
)
