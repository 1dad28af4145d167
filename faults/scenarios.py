"""Scenarios that run while something goes wrong: jobs, journal mode, and files and batches from before."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checks import DOCUMENT, RunFolder
from contents import LARGE_LINES, LINES, Content
from orders import LARGE_ORDERS, ORDERS
from processes import build_arguments, run_forked, run_in_process

OTHER = "other source"
"""Name of an input whose batch is there before the run."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run of some jobs.

    Args:
        jobs: the jobs that run, such as ``AB``.
        mode: journal mode of the database.
        old: whether there are another batch and an older document of the same source already.
        content: of the input.
    """

    jobs: str
    mode: str = "DELETE"
    old: bool = False
    content: Content = LINES

    def __str__(self) -> str:
        size = "large " if self.content in (LARGE_LINES, LARGE_ORDERS) else ""
        what = f"{size}{self.content.table} " if self.content.options else size
        return f"{what}{'→'.join(self.jobs)} {self.mode}{' on older ones' if self.old else ''}"

    @property
    def words(self) -> list[str]:
        """The arguments of the command."""
        value = {"A": self.content.name, "B": str(DOCUMENT), "C": "2" if self.old else "1"}[self.jobs[0]]
        return self._build_arguments(self.jobs[0], self.jobs[-1], value)

    def _build_arguments(self, first: str, last: str, value: str) -> list[str]:
        jobs = ("--start-from", first, "--stop-after", last)
        return build_arguments(*self.content.options, "run", *jobs, *self.content.run_options, value)

    def run(self) -> int:
        """Run the command in this process and return its exit code."""
        return run_in_process(self.words, mode=self.mode)

    def prepare(self, folder: Path) -> RunFolder:
        """Fill an empty folder with everything that exists before the run."""
        place = RunFolder(folder, self.content)
        if self.old:
            self._add_older_data(place)
        place.write_input()
        before = "ABC".partition(self.jobs[0])[0]
        if before:
            self._run_jobs(folder, "A", before[-1], self.content.name)
        return place

    def _add_older_data(self, place: RunFolder) -> None:
        """Add a finalized batch of another source, and a document of an input that changed since."""
        (place.folder / OTHER).write_text(self.content.earlier_text, encoding="utf-8")
        self._run_jobs(place.folder, "A", "C", OTHER)
        if "A" in self.jobs:
            place.input.write_text(self.content.earlier_text, encoding="utf-8")
            self._run_jobs(place.folder, "A", "A", self.content.name)

    def _run_jobs(self, folder: Path, first: str, last: str, value: str) -> None:
        words = self._build_arguments(first, last, value)
        result = run_forked(partial(run_in_process, words, mode=self.mode), folder, folder / "printed")
        if result.code:
            raise RuntimeError(f"cannot prepare: {result}")

    def check_again(self, place: RunFolder) -> None:
        """Run the same command again, undisturbed, and check that everything is done exactly once."""
        result = run_forked(self.run, place.folder, place.folder / "again")
        if result.code:
            raise RuntimeError(f"the same command again fails: {result}")
        place.check_done(self.jobs)


LINE_SCENARIOS = tuple(
    Scenario(jobs, mode, old)
    for mode in ("DELETE", "WAL")
    for old in (False, True)
    for jobs in (("ABC", "B", "C") if mode == "WAL" else ("ABC", "A", "B", "C"))
)
# Each job and both journals; the table is there already, or not yet.
ORDER_SCENARIOS = (
    Scenario("ABC", "DELETE", content=ORDERS),
    Scenario("ABC", "WAL", old=True, content=ORDERS),
    Scenario("A", "DELETE", old=True, content=ORDERS),
    Scenario("B", "DELETE", old=True, content=ORDERS),
    Scenario("B", "WAL", content=ORDERS),
    Scenario("C", "DELETE", content=ORDERS),
)
SMALL_SCENARIOS = (*LINE_SCENARIOS, *ORDER_SCENARIOS)
LARGE_SCENARIOS = (
    Scenario("ABC", "DELETE", old=True, content=LARGE_LINES),
    Scenario("ABC", "WAL", content=LARGE_LINES),
    Scenario("ABC", "DELETE", content=LARGE_ORDERS),
    Scenario("ABC", "WAL", old=True, content=LARGE_ORDERS),
)
ALL_SCENARIOS = (*SMALL_SCENARIOS, *LARGE_SCENARIOS)


class Templates:
    """Folders prepared once for each scenario and copied for each point; their paths stay the same."""

    def __init__(self) -> None:
        self._made: dict[tuple[Scenario, Path], Path] = {}

    def fill(self, scenario: Scenario, folder: Path) -> RunFolder:
        """Fill an empty folder with everything that exists before a run of the scenario."""
        template = self._made.get((scenario, folder))
        if template is None:
            place = scenario.prepare(folder)
            template = folder.with_name(f"{folder.name}-{len(self._made)}")
            shutil.copytree(folder, template)
            self._made[scenario, folder] = template
            return place
        shutil.copytree(template, folder, dirs_exist_ok=True)
        return RunFolder(folder, scenario.content)


TEMPLATES = Templates()
