"""Measurement of one run: a program in an empty folder, its time, its memory, and a check of its rows."""

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

import postgres_server
from competitors import Competitor
from datasets import Dataset
from environments import Environments
from results import Key, Run

TIMER = Path(__file__).with_name("timed_process.py")
COUNT_IN_DUCKDB = "import duckdb, sys; print(*duckdb.connect(sys.argv[1]).execute(sys.argv[2]).fetchone())"
SHOWN = 15  # lines of a failed program's errors


class BenchError(Exception):
    """A run failed or loaded the wrong number of rows."""


@dataclass(frozen=True, slots=True)
class Case:
    """A competitor, its data, and the number of runs."""

    competitor: Competitor
    data: Dataset
    runs: int

    @property
    def key(self) -> Key:
        """Key of its results."""
        return self.competitor.name, self.data.name


@dataclass(frozen=True, slots=True)
class CaseRunner:
    """Runs cases.

    Args:
        environments: environments of the competitors.
        folder: parent of the runs' working folders, so that all are on one file system.
        settings: environment variables for all runs.
    """

    environments: Environments
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def run_all(self, cases: Iterable[Case]) -> dict[Key, list[Run]]:
        """Run each case as often as it asks for, in turn: all once, then those with more runs again."""
        cases = list(cases)
        runs: dict[Key, list[Run]] = {case.key: [] for case in cases}
        turns = [
            case for turn in range(max(case.runs for case in cases)) for case in cases if case.runs > turn
        ]
        for number, case in enumerate(turns, 1):
            run = self.run(case)
            runs[case.key].append(run)
            time = f"{run.seconds:8.2f} s {run.peak / 1e6:6.0f} MB"
            print(f"{number:4}/{len(turns)} {time}  {case.competitor.name}, {case.data.name}", flush=True)
        return runs

    def run(self, case: Case) -> Run:
        """Run a case once, in a folder of its own that is removed afterwards."""
        os.sync()  # write back what the run before has left, so that this one does not wait for it
        if is_on_postgres(case):
            postgres_server.empty_database(self.settings)
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            work = Path(name) / "work"
            work.mkdir()
            seconds, peak = self._time(case, work)
            self._check_rows(case, work)
            printed = Path(name, "output").read_text(encoding="utf-8", errors="replace")
            own_seconds = json.loads(printed)["seconds"] if printed.startswith('{"seconds": ') else None
            return Run(seconds, peak, own_seconds)

    def _time(self, case: Case, work: Path) -> tuple[float, int]:
        output, errors = work.with_name("output"), work.with_name("errors")
        variables = self._variables(case.competitor, work)
        name, *arguments = case.competitor.command
        program = shutil.which(name, path=variables["PATH"])
        if not program:
            raise BenchError(f"{case.competitor.name}: program {name} not found")
        if case.competitor.rows:
            arguments.append(str(case.data.path))
        timer = [sys.executable, "-I", "-S", str(TIMER), str(output), str(errors)]
        line = run_timer([*timer, program, *arguments], work, variables)
        seconds, peak, status = line.split()
        if status != "0":
            tail = "\n".join(errors.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN:])
            raise BenchError(f"{case.competitor.name}, {case.data.name}: exit code {status}\n{tail}")
        return float(seconds), int(peak) * 1024

    def _variables(self, competitor: Competitor, work: Path) -> dict[str, str]:
        """Return the environment variables of a run: none of the user's except PATH."""
        programs = self.environments.programs(competitor.environment)
        return {
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "HOME": str(work),
            "USER": "bench",
            "LANG": "C.UTF-8",
            "DO_NOT_TRACK": "1",
            **{name: value.format(run=work) for name, value in competitor.settings.items()},
            **self.settings,
        }

    def _check_rows(self, case: Case, work: Path) -> None:
        """Check the number of rows that a run loaded.

        Raises:
            BenchError: it is not the number of records in the data.
        """
        rows = case.competitor.rows
        if not rows:
            return
        if is_on_postgres(case):
            found = postgres_server.count_rows(self.settings, rows.count)
        else:
            path = work / rows.database
            if not path.exists():
                raise BenchError(f"{case.competitor.name}, {case.data.name}: {rows.database} does not exist")
            python = self.environments.python(case.competitor.environment)
            found = count_rows(path, rows.count, python)
        if found != case.data.rows:
            where = f"{case.competitor.name}, {case.data.name}"
            raise BenchError(f"{where}: {found:,} rows in {rows.database}, expected {case.data.rows:,}")


def run_timer(command: list[str], work: Path, variables: Mapping[str, str]) -> str:
    """Run the timer in a process group of its own, kill what is left of the group, and return its output."""
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
            # Before the timer is waited for: until then, no other group can get this number.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def is_on_postgres(case: Case) -> bool:
    """Return whether the rows of a case are on the PostgreSQL server."""
    return case.competitor.rows is not None and case.competitor.rows.database == postgres_server.DATABASE


def count_rows(path: Path, statement: str, python: Path) -> int:
    """Run a statement that counts rows in a database file, and return the number.

    Args:
        path: of the file.
        statement: that counts.
        python: of the environment that wrote the file; the only one that can read DuckDB's format.
    """
    if path.suffix == ".duckdb":
        command = [str(python), "-c", COUNT_IN_DUCKDB, str(path), statement]
        return int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    with closing(sqlite3.connect(path)) as database:
        ((found,),) = database.execute(statement)
    return int(found)
