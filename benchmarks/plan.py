"""All cases of a bench; compared cases follow each other, so that they run in turn."""

from dataclasses import dataclass
from pathlib import Path

import competitors
import order_competitors
from competitors import make_bare_script
from datasets import Dataset, DatasetCache
from measurement import Case
from sizes import Pace, Sizes

NO_DATA = Dataset("no data", Path(), 0)
SMALL = 3  # lines

# Names of the scripts that ours are compared with.
BARE_FILES = "bare script, many files"
BARE_DICT = "bare executemany"
THREE_TASKS = "three tasks by hand"


@dataclass(frozen=True, slots=True)
class Plan:
    """All cases: those without a server, with a Prefect server and with a PostgreSQL server."""

    without_server: list[Case]
    on_server: list[Case]
    on_postgres: list[Case]

    @property
    def environments(self) -> list[str]:
        """Names of the environments that are needed, in order."""
        return list(dict.fromkeys(case.competitor.environment for case in self.every))

    @property
    def every(self) -> list[Case]:
        """All cases."""
        return [*self.without_server, *self.on_server, *self.on_postgres]


def make_plan(sizes: Sizes, library: DatasetCache, journal: tuple[str, str]) -> Plan:
    """Return the cases of a bench.

    Args:
        sizes: sizes of the data, and numbers of runs.
        library: source of the data.
        journal: values of SQLite's pragmas `journal_mode` and `synchronous`, as our packages choose them.
    """
    small, files, records = library.lines(SMALL), library.files(sizes.files), library.lines(sizes.records)
    starting = (competitors.CLICK, competitors.HELP, competitors.LIST_JOBS)
    pairs = (
        (competitors.OURS_LOCAL, small),
        (competitors.LUIGI, small),
        (competitors.OURS_FILES, files),
        (make_bare_script(BARE_FILES, "bare_files.py", journal), files),
        (competitors.OURS_DICT, records),
        (make_bare_script(BARE_DICT, "bare_dict.py", journal), records),
        (competitors.OURS_LOCAL, library.long_lines(sizes.long_lines)),
    )
    without_server = [Case(competitor, NO_DATA, sizes.starts) for competitor in starting]
    without_server += [Case(competitor, data, sizes.runs) for competitor, data in pairs]
    on_server = (competitors.OURS_PREFECT, make_bare_script(THREE_TASKS, "prefect_three_tasks.py", journal))
    return Plan(
        [*without_server, *make_cases_by_lines(sizes, library), *make_cases_by_orders(sizes, library)],
        [Case(competitor, small, sizes.runs) for competitor in on_server],
        [
            Case(competitors.OURS_ON_POSTGRES, library.lines(sizes.imported), sizes.runs),
            Case(competitors.PSQL_COPY, library.rows(sizes.imported), sizes.runs),
            *(
                Case(competitor, library.orders(sizes.growth[0]), sizes.runs)
                for competitor in order_competitors.ORDERS_ON_POSTGRES
            ),
        ],
    )


def make_cases_by_lines(sizes: Sizes, library: DatasetCache) -> list[Case]:
    """Return the cases of the tables by lines, and the case without progress beside its counterpart."""
    cases = []
    for length, runs in sizes.lengths.items():
        data = library.lines(length)
        if length == sizes.imported:
            cases.append(Case(competitors.WITHOUT_PROGRESS, data, runs[Pace.OURS]))
        every = [Case(competitor, data, runs[competitor.pace]) for competitor in competitors.BY_LINES]
        cases += [case for case in every if case.runs]
    return cases


def make_cases_by_orders(sizes: Sizes, library: DatasetCache) -> list[Case]:
    """Return the cases of the tables by orders, and the case with bad rows beside its counterpart."""
    cases = []
    for number, runs in sizes.orders.items():
        if number == sizes.growth[0]:
            bad = library.orders(number, bad=True)
            cases.append(Case(order_competitors.WITH_REJECTS, bad, runs[Pace.OURS]))
        every = [
            Case(competitor, library.orders(number), runs[competitor.pace])
            for competitor in order_competitors.BY_ORDERS
        ]
        cases += [case for case in every if case.runs]
    return cases
