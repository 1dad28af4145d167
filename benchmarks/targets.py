"""The targets: each comparison with its limit, and its outcome."""

from dataclasses import dataclass, replace

import competitors
import order_competitors
from datasets import name_files, name_lines, name_long_lines, name_orders, name_rows
from plan import BARE_DICT, BARE_FILES, NO_DATA, SMALL, THREE_TASKS
from results import BenchResults, Figure, Measure, get_megabytes, get_own_seconds, get_seconds, summarize
from sizes import Sizes

OURS = competitors.OURS_LOCAL.name
PEAK = (120, 80)  # megabytes
PEAK_OF_ORDERS = (130, 90)  # megabytes


@dataclass(frozen=True, slots=True)
class Target:
    """A comparison of our figure with that of another program, or with a number.

    Args:
        what: what is compared, as the table says it.
        data: name of the data that ours loads.
        ours: name of our program.
        other: name of the other program; None if the limit is in megabytes.
        limit: upper limit of the ratio of the medians, or of our median.
        moonshot: the value that we hoped for.
        measure: measure of a run.
        share: number of equal parts in a run, of which one is compared.
        other_data: name of the data that the other loads, if different.
    """

    what: str
    data: str
    ours: str
    other: str | None
    limit: float
    moonshot: float
    measure: Measure = get_seconds
    share: int = 1
    other_data: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a target: our figure and that of the other program."""

    target: Target
    ours: Figure
    other: Figure | None

    @property
    def value(self) -> float:
        """The ratio of the medians, or our median if there is no other program."""
        return self.ours.median / self.other.median if self.other else self.ours.median

    @property
    def met(self) -> str:
        """Whether the target is met, in a word: moonshot, yes or no."""
        if self.value <= self.target.moonshot:
            return "moonshot"
        return "yes" if self.value <= self.target.limit else "no"


def evaluate_targets(results: BenchResults, sizes: Sizes) -> list[Outcome]:
    """Return the outcome of every target."""

    def part(target: Target, name: str, data: str) -> Figure:
        of = summarize(results.runs[name, data], target.measure)
        return replace(
            of, median=of.median / target.share, least=of.least / target.share, most=of.most / target.share
        )

    return [
        Outcome(
            target,
            part(target, target.ours, target.data),
            part(target, target.other, target.other_data or target.data) if target.other else None,
        )
        for target in list_targets(sizes)
    ]


def list_targets(sizes: Sizes) -> list[Target]:
    """Return all targets; the data depend on the sizes, the limits do not."""
    less, more = map(name_lines, sizes.growth)
    wide = name_long_lines(sizes.long_lines)
    return [
        *list_loading_targets(sizes),
        Target(f"`run-all`, {more} against {less}", more, OURS, OURS, 10.5, 10, other_data=less),
        *(
            Target(f"peak memory, {name}", name, OURS, None, *PEAK, get_megabytes)
            for name in (less, more, wide)
        ),
        *(
            Target(f"`{one.name}`", NO_DATA.name, one.name, competitors.CLICK.name, 2.5, 1.8)
            for one in (competitors.HELP, competitors.LIST_JOBS)
        ),
        *list_script_targets(sizes),
        *list_order_targets(sizes),
    ]


def list_loading_targets(sizes: Sizes) -> list[Target]:
    """Return the targets of whole processes that load the same lines as another program."""
    small, imported, inserted = map(name_lines, (SMALL, sizes.imported, sizes.inserted))
    silent = competitors.WITHOUT_PROGRESS.name
    return [
        Target(f"`run-all`, {imported}", imported, OURS, competitors.SQLITE_IMPORT.name, 2.5, 1.6),
        Target(f"`run-all`, {inserted}", inserted, OURS, competitors.SQLITE_UTILS.name, 0.25, 0.15),
        Target(f"`run-all`, {small}", small, OURS, competitors.LUIGI.name, 0.7, 0.45),
        Target(f"`run-all` with progress, {imported}", imported, OURS, silent, 1.02, 1),
        Target(
            f"`run-all` into PostgreSQL, {imported}",
            imported,
            competitors.OURS_ON_POSTGRES.name,
            competitors.PSQL_COPY.name,
            2.5,
            1.6,
            other_data=name_rows(sizes.imported),
        ),
    ]


def list_script_targets(sizes: Sizes) -> list[Target]:
    """Return the targets of scripts that measure their own time, after their imports."""
    small, files, records = name_lines(SMALL), name_files(sizes.files), name_lines(sizes.records)
    many, on_server, job = (
        one.name for one in (competitors.OURS_FILES, competitors.OURS_PREFECT, competitors.OURS_DICT)
    )
    in_memory = f"job B, {sizes.records:,} records in memory"
    return [
        Target(f"one of {files} in one run", files, many, BARE_FILES, 2, 1.3, get_own_seconds, sizes.files),
        Target(
            f"a run on a Prefect server, {small}", small, on_server, THREE_TASKS, 0.5, 0.3, get_own_seconds
        ),
        Target(in_memory, records, job, BARE_DICT, 1.5, 1, get_own_seconds),
    ]


def list_order_targets(sizes: Sizes) -> list[Target]:
    """Return the targets of typed rows from a CSV file."""
    less, more = map(name_orders, sizes.growth)
    bad = name_orders(sizes.growth[0], bad=True)
    struct, pydantic, rejects, postgres = (
        one.name
        for one in (
            order_competitors.WITH_STRUCT,
            order_competitors.WITH_PYDANTIC,
            order_competitors.WITH_REJECTS,
            order_competitors.STRUCT_ON_POSTGRES,
        )
    )
    compared = (
        (struct, order_competitors.SQLITE_IMPORT, 5, 3),
        (struct, order_competitors.SQLITE_UTILS, 0.25, 0.12),
        (struct, order_competitors.BY_HAND, 0.25, 0.15),
        (pydantic, order_competitors.BY_HAND, 0.4, 0.25),
        (struct, order_competitors.DLT, 0.25, 0.12),
        (postgres, order_competitors.PSQL_COPY, 4, 2.5),
    )
    return [
        *(
            Target(f"{ours}, {less}", less, ours, other.name, limit, moonshot)
            for ours, other, limit, moonshot in compared
        ),
        Target(f"1 % rejects against none, {less}", bad, rejects, struct, 1.15, 1.05, other_data=less),
        *(
            Target(f"peak memory, {ours}, {name}", name, ours, None, *PEAK_OF_ORDERS, get_megabytes)
            for ours in (struct, pydantic)
            for name in (less, more)
        ),
    ]
