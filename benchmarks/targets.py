"""What has to hold: each comparison with its target, and what came of it."""

from dataclasses import dataclass, replace

import contestants
from data import files_name, lines_name, long_lines_name, rows_name
from measured import Figure, Measure, Measured, figure, inside, megabytes, whole
from plan import BARE_DICT, BARE_FILES, NOTHING, SMALL, THREE_TASKS
from sizes import Sizes

OURS = contestants.OURS_LOCAL.name
PEAK = (120, 80)  # megabytes


@dataclass(frozen=True, slots=True)
class Target:
    """A comparison of ours with another's, or of ours with a number.

    Args:
        what: is compared.
        data: the name of what is loaded.
        ours: the name of our contestant.
        other: the name of another; None where a number of megabytes is the target.
        limit: the most that the ratio of the medians, or our median, may be.
        moonshot: what it would be at its best.
        measure: of a run.
        share: how many equal parts a run has, of which one is looked at.
        other_data: what the other loads, where it is not the same.
    """

    what: str
    data: str
    ours: str
    other: str | None
    limit: float
    moonshot: float
    measure: Measure = whole
    share: int = 1
    other_data: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a target: our figure, and the other's."""

    target: Target
    ours: Figure
    other: Figure | None

    @property
    def value(self) -> float:
        """The ratio of the medians, or our median where nothing is compared."""
        return self.ours.median / self.other.median if self.other else self.ours.median

    @property
    def met(self) -> str:
        """Whether the target is met, in a word."""
        if self.value <= self.target.moonshot:
            return "moonshot"
        return "yes" if self.value <= self.target.limit else "no"


def outcomes(measured: Measured, sizes: Sizes) -> list[Outcome]:
    """Return what came of every target."""

    def part(target: Target, name: str, data: str) -> Figure:
        of = figure(measured.runs[name, data], target.measure)
        return replace(
            of, median=of.median / target.share, least=of.least / target.share, most=of.most / target.share
        )

    return [
        Outcome(
            target,
            part(target, target.ours, target.data),
            part(target, target.other, target.other_data or target.data) if target.other else None,
        )
        for target in targets(sizes)
    ]


def targets(sizes: Sizes) -> list[Target]:
    """Return every target: what is run shrinks with the sizes, what is asked for does not."""
    less, more = map(lines_name, sizes.growth)
    wide = long_lines_name(sizes.long_lines)
    return [
        *loading(sizes),
        Target(f"`run-all`, {more} against {less}", more, OURS, OURS, 10.5, 10, other_data=less),
        *(Target(f"peak memory, {name}", name, OURS, None, *PEAK, megabytes) for name in (less, more, wide)),
        *(
            Target(f"`{one.name}`", NOTHING.name, one.name, contestants.CLICK.name, 2.5, 1.8)
            for one in (contestants.HELP, contestants.LIST_JOBS)
        ),
        *by_their_clocks(sizes),
    ]


def loading(sizes: Sizes) -> list[Target]:
    """Return the targets of whole processes that load the same lines as another."""
    small, imported, inserted = map(lines_name, (SMALL, sizes.imported, sizes.inserted))
    silent = contestants.SILENT.name
    return [
        Target(f"`run-all`, {imported}", imported, OURS, contestants.SQLITE_IMPORT.name, 2.5, 1.6),
        Target(f"`run-all`, {inserted}", inserted, OURS, contestants.SQLITE_UTILS.name, 0.25, 0.15),
        Target(f"`run-all`, {small}", small, OURS, contestants.LUIGI.name, 0.7, 0.45),
        Target(f"`run-all` with progress, {imported}", imported, OURS, silent, 1.02, 1),
        Target(
            f"`run-all` into PostgreSQL, {imported}",
            imported,
            contestants.OURS_ON_POSTGRES.name,
            contestants.PSQL_COPY.name,
            2.5,
            1.6,
            other_data=rows_name(sizes.imported),
        ),
    ]


def by_their_clocks(sizes: Sizes) -> list[Target]:
    """Return the targets of scripts that take their own time, after their imports."""
    small, files, records = lines_name(SMALL), files_name(sizes.files), lines_name(sizes.records)
    many, on_server, job = (
        one.name for one in (contestants.OURS_FILES, contestants.OURS_PREFECT, contestants.OURS_DICT)
    )
    in_memory = f"job B, {sizes.records:,} records in memory"
    return [
        Target(f"one of {files} in one run", files, many, BARE_FILES, 2, 1.3, inside, sizes.files),
        Target(f"a run on a Prefect server, {small}", small, on_server, THREE_TASKS, 0.5, 0.3, inside),
        Target(in_memory, records, job, BARE_DICT, 1.5, 1, inside),
    ]
