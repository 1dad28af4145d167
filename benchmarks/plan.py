"""What is run, and how often: cases that are compared stand side by side, so that they are run in turn."""

from dataclasses import dataclass
from pathlib import Path

import contestants
from contestants import bare
from data import Data, Library
from measuring import Case
from sizes import Pace, Sizes

NOTHING = Data("no data", Path(), 0)
SMALL = 3  # lines

# Names of the scripts that our own are compared with.
BARE_FILES = "bare script, many files"
BARE_DICT = "bare executemany"
THREE_TASKS = "three tasks by hand"


@dataclass(frozen=True, slots=True)
class Plan:
    """All cases: those that need a Prefect or a PostgreSQL server, and the others."""

    alone: list[Case]
    on_server: list[Case]
    on_postgres: list[Case]

    @property
    def environments(self) -> list[str]:
        """The names of the environments that are needed, in order."""
        return list(dict.fromkeys(case.contestant.environment for case in self.every))

    @property
    def every(self) -> list[Case]:
        """All of them."""
        return [*self.alone, *self.on_server, *self.on_postgres]


def plan(sizes: Sizes, library: Library, journal: tuple[str, str]) -> Plan:
    """Return the cases of a bench.

    Args:
        sizes: how much and how often.
        library: where the data come from.
        journal: values of SQLite's pragmas `journal_mode` and `synchronous`, as our packages choose them.
    """
    small, files, records = library.lines(SMALL), library.files(sizes.files), library.lines(sizes.records)
    starting = (contestants.CLICK, contestants.HELP, contestants.LIST_JOBS)
    pairs = (
        (contestants.OURS_LOCAL, small),
        (contestants.LUIGI, small),
        (contestants.OURS_FILES, files),
        (bare(BARE_FILES, "bare_files.py", journal), files),
        (contestants.OURS_DICT, records),
        (bare(BARE_DICT, "bare_dict.py", journal), records),
        (contestants.OURS_LOCAL, library.long_lines(sizes.long_lines)),
    )
    alone = [Case(contestant, NOTHING, sizes.starts) for contestant in starting]
    alone += [Case(contestant, data, sizes.runs) for contestant, data in pairs]
    on_server = (contestants.OURS_PREFECT, bare(THREE_TASKS, "prefect_three_tasks.py", journal))
    return Plan(
        [*alone, *by_lines(sizes, library)],
        [Case(contestant, small, sizes.runs) for contestant in on_server],
        [
            Case(contestants.OURS_ON_POSTGRES, library.lines(sizes.imported), sizes.runs),
            Case(contestants.PSQL_COPY, library.rows(sizes.imported), sizes.runs),
        ],
    )


def by_lines(sizes: Sizes, library: Library) -> list[Case]:
    """Return the cases of the tables by lines, and that of progress beside the one it is compared with."""
    cases = []
    for length, runs in sizes.lengths.items():
        data = library.lines(length)
        if length == sizes.imported:
            cases.append(Case(contestants.SILENT, data, runs[Pace.OURS]))
        every = [Case(contestant, data, runs[contestant.pace]) for contestant in contestants.BY_LINES]
        cases += [case for case in every if case.runs]
    return cases
