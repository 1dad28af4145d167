"""Sweep over the order of system calls: everything is durable before it is reported as done."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from random import Random

from processes import run_in_process, run_traced
from scenarios import SMALL_SCENARIOS, Scenario
from sweep import Point, Sweep, require

_CALLS = "write,pwrite64,ftruncate,fsync,fdatasync,openat,mkdir,link,linkat,rename,renameat,unlink,unlinkat"
# 4711  pwrite64(5</tmp/x.db>, "…", 4096, 0) = 4096
_CALL = re.compile(
    r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)(?P<opened><[^>]*>)?", re.DOTALL
)
_DESCRIPTOR = re.compile(r"^\d+<(?P<path>[^>]*)>")
_PATHS = re.compile(r'(?:<(?P<folder>[^>]*)>, )?"(?P<name>[^"]*)"')
_VOLATILE = ("-shm",)  # rebuilt after a crash


@dataclass(slots=True)
class UnsyncedState:
    """Changes that a power cut could still undo, as a sequence of system calls leaves them.

    Attributes:
        existing: files that exist; opening one of them with O_CREAT creates no name.
        unsynced: files written to since their last sync.
        unnamed: names created or removed since the last sync of their folder.
        reports: number of writes to standard output and standard error.
    """

    existing: set[str]
    unsynced: set[str] = field(default_factory=set)
    unnamed: set[str] = field(default_factory=set)
    reports: int = 0

    def apply(self, name: str, arguments: str, opened: str) -> None:
        """Apply a call that succeeded."""
        descriptor = _DESCRIPTOR.match(arguments)
        path = descriptor["path"] if descriptor else ""
        # A name stands alone, or after its folder.
        paths = [str(PurePath(folder, name)) for folder, name in _PATHS.findall(arguments)]
        match name:
            case "write" if path.endswith(("/out", "/err")):
                self._apply_report()
            case "write" | "pwrite64" | "ftruncate" if not path.endswith(_VOLATILE):
                self._apply_write(path)
            case "fsync" | "fdatasync":
                self.unsynced.discard(path)
                self.unnamed -= {name for name in self.unnamed if str(PurePath(name).parent) == path}
            case "openat" if "O_CREAT" in arguments and opened not in self.existing:
                self._apply_name(opened)
            case "mkdir":
                self._apply_name(paths[0])
            case "link" | "linkat" | "rename" | "renameat":
                require(
                    paths[0] not in self.unsynced, f"{paths[1]} gets its name before its content is synced"
                )
                self._apply_name(paths[1])
            case "unlink" | "unlinkat":
                self._apply_unlink(paths[0])

    def _apply_name(self, path: str) -> None:
        self.existing.add(path)
        if not path.endswith(_VOLATILE):
            self.unnamed.add(path)

    def _apply_unlink(self, path: str) -> None:
        self.existing.discard(path)
        self.unsynced.discard(path)
        if path.endswith((*_VOLATILE, "-wal")):
            self.unnamed.discard(path)  # the database contains all of a WAL by then, so the WAL may come back
        else:
            self.unnamed.add(path)

    def _apply_write(self, path: str) -> None:
        if path.endswith(".db"):
            require(
                f"{path}-journal" not in self.unsynced, "the database is written before its journal is synced"
            )
        self.unsynced.add(path)

    def _apply_report(self) -> None:
        self.reports += 1
        require(not self.unsynced, f"reported as done before it is synced: {sorted(self.unsynced)}")
        require(not self.unnamed, f"reported as done before the folder is synced: {sorted(self.unnamed)}")


def make_points(size: int | None, _random: Random) -> Iterator[Point]:
    """Follow the calls of each scenario."""
    for scenario in SMALL_SCENARIOS[:size]:
        yield Point(str(scenario), partial(_check_order, scenario))


def _check_order(scenario: Scenario, folder: Path) -> str:
    place = scenario.prepare(folder)
    # At this level each job is reported by a log line when it ends. The thread that shows the progress would
    # only interrupt the lines of strace.
    words = [*("INFO" if word == "OFF" else word for word in scenario.words), "--no-progress"]

    state = UnsyncedState({str(path) for path in folder.rglob("*")})
    log = folder / "strace"
    printed = folder.with_name(f"{folder.name}-printed")
    options = ["-y", "-s", "0", "-o", str(log), "-e", f"trace={_CALLS}"]
    work = partial(run_in_process, words, mode=scenario.mode)
    result = run_traced(work, place.folder, options, printed)
    require(result.code == 0, result)
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        call = _CALL.match(line)
        if call and int(call["result"]) >= 0:
            state.apply(call["name"], call["arguments"], (call["opened"] or "").strip("<>"))
    # One report for the engine, one for each job, one for the results.
    require(state.reports >= len(scenario.jobs) + 2, f"only {state.reports} reports were seen")
    require("unfinished" not in log.read_text(encoding="utf-8"), "calls of two threads overlap")
    return f"{state.reports} reports"


ORDER = Sweep(
    "order",
    "nothing: the order of the system calls of runs with lines and typed rows is followed (strace)",
    "first content, then its sync, its name, the folder's sync; journal before database; report last",
    make_points,
    short=len(SMALL_SCENARIOS),
    long=len(SMALL_SCENARIOS),
)
