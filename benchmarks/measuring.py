"""One run: a program in an empty folder, its time and memory, and the rows that it must have loaded."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import postgres
from contestants import Contestant
from data import Data
from environments import Environments
from measured import Key, Run

LAUNCH = Path(__file__).with_name("launch.py")
SHOWN = 15  # lines of what a failed program said


class BenchError(Exception):
    """A run that cannot be counted."""


@dataclass(frozen=True, slots=True)
class Case:
    """A contestant with what it is given, to be run so many times."""

    contestant: Contestant
    data: Data
    runs: int

    @property
    def key(self) -> Key:
        """What its results are kept under."""
        return self.contestant.name, self.data.name


@dataclass(frozen=True, slots=True)
class Measuring:
    """Runs cases.

    Args:
        environments: of the contestants.
        folder: where runs have their working folders, so that all are on one file system.
        settings: environment variables for all of them.
    """

    environments: Environments
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def rounds(self, cases: Iterable[Case]) -> dict[Key, list[Run]]:
        """Run each case as often as it asks for, in turn: all once, then again those that ask for more."""
        cases = list(cases)
        runs: dict[Key, list[Run]] = {case.key: [] for case in cases}
        turns = [
            case for turn in range(max(case.runs for case in cases)) for case in cases if case.runs > turn
        ]
        for number, case in enumerate(turns, 1):
            run = self.run(case)
            runs[case.key].append(run)
            time = f"{run.seconds:8.2f} s {run.peak / 1e6:6.0f} MB"
            print(f"{number:4}/{len(turns)} {time}  {case.contestant.name}, {case.data.name}", flush=True)
        return runs

    def run(self, case: Case) -> Run:
        """Run a case once, in a folder of its own that is gone afterwards."""
        os.sync()  # nobody waits for what the one before has left to be written
        if on_postgres(case):
            postgres.emptied(self.settings)
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            work = Path(name) / "work"
            work.mkdir()
            seconds, peak = self._launch(case, work)
            check_rows(case, work, self.settings)
            printed = Path(name, "output").read_text(encoding="utf-8", errors="replace")
            by_its_clock = json.loads(printed)["seconds"] if printed.startswith('{"seconds": ') else None
            return Run(seconds, peak, by_its_clock)

    def _launch(self, case: Case, work: Path) -> tuple[float, int]:
        output, errors = work.with_name("output"), work.with_name("errors")
        variables = self._variables(case.contestant, work)
        name, *arguments = case.contestant.command
        program = shutil.which(name, path=variables["PATH"])
        if not program:
            raise BenchError(f"{case.contestant.name}: there is no program {name}")
        if case.contestant.rows:
            arguments.append(str(case.data.path))
        launch = [sys.executable, "-I", "-S", str(LAUNCH), str(output), str(errors)]
        line = started([*launch, program, *arguments], work, variables)
        seconds, peak, status = line.split()
        if status != "0":
            said = "\n".join(errors.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN:])
            raise BenchError(f"{case.contestant.name}, {case.data.name}: ended with {status}\n{said}")
        return float(seconds), int(peak) * 1024

    def _variables(self, contestant: Contestant, work: Path) -> dict[str, str]:
        """Return the environment of a run: nothing of the person's but the way to the programs."""
        programs = self.environments.programs(contestant.environment)
        return {
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "HOME": str(work),
            "USER": "bench",
            "LANG": "C.UTF-8",
            "DO_NOT_TRACK": "1",
            **{name: value.format(run=work) for name, value in contestant.settings.items()},
            **self.settings,
        }


def started(command: list[str], work: Path, variables: Mapping[str, str]) -> str:
    """Run the launcher in a process group of its own, end what is left of the group, and return its line."""
    process = subprocess.Popen(
        command,
        cwd=work,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            return process.stdout.read() if process.stdout else ""
        finally:
            # Before the launcher is waited for: until then, the group's number is nobody else's.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def on_postgres(case: Case) -> bool:
    """Return whether the rows of a case are on a PostgreSQL server."""
    return case.contestant.rows is not None and case.contestant.rows.database == postgres.DATABASE


def check_rows(case: Case, work: Path, settings: Mapping[str, str]) -> None:
    """Count the rows that a run left.

    Raises:
        BenchError: it did not load what it was given.
    """
    rows = case.contestant.rows
    if not rows:
        return
    if on_postgres(case):
        found = postgres.counted(settings, rows.count)
    else:
        path = work / rows.database
        if not path.exists():
            raise BenchError(f"{case.contestant.name}, {case.data.name}: made no {rows.database}")
        with closing(sqlite3.connect(path)) as database:
            ((found,),) = database.execute(rows.count)
    if found != case.data.rows:
        where = f"{case.contestant.name}, {case.data.name}"
        raise BenchError(f"{where}: {found:,} rows in {rows.database}, not {case.data.rows:,}")
