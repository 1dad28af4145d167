"""Scenarios that run while something goes wrong: jobs, journal mode, and files and batches from before."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checks import DOCUMENT, LARGE_LINES, LINES, RunFolder
from processes import build_arguments, run_forked, run_in_process

OTHER_LINE = "another source"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run of some jobs.

    Args:
        jobs: the jobs that run, such as ``AB``.
        mode: journal mode of the database.
        old: whether there are another batch and an older document of the same source already.
        lines: lines of the input.
    """

    jobs: str
    mode: str = "DELETE"
    old: bool = False
    lines: tuple[str, ...] = LINES

    def __str__(self) -> str:
        size = "large " if self.lines is LARGE_LINES else ""
        return f"{size}{'→'.join(self.jobs)} {self.mode}{' on older ones' if self.old else ''}"

    @property
    def words(self) -> list[str]:
        """The arguments of the command."""
        value = {"A": "input.txt", "B": str(DOCUMENT), "C": "2" if self.old else "1"}[self.jobs[0]]
        return build_arguments("run", "--start-from", self.jobs[0], "--stop-after", self.jobs[-1], value)

    def run(self) -> int:
        """Run the command in this process and return its exit code."""
        return run_in_process(self.words, mode=self.mode)

    def prepare(self, folder: Path) -> RunFolder:
        """Fill an empty folder with everything that exists before the run."""
        place = RunFolder(folder, self.lines)
        if self.old:
            self._add_older_data(place)
        place.write_input()
        before = "ABC".partition(self.jobs[0])[0]
        if before:
            self._run_jobs(folder, "A", before[-1], "input.txt")
        return place

    def _add_older_data(self, place: RunFolder) -> None:
        """Add a finalized batch of another source, and a document of an input that changed since."""
        (place.folder / "other.txt").write_text(f"{OTHER_LINE}\n", encoding="utf-8")
        self._run_jobs(place.folder, "A", "C", "other.txt")
        if "A" in self.jobs:
            place.input.write_text("as it was\n", encoding="utf-8")
            self._run_jobs(place.folder, "A", "A", "input.txt")

    def _run_jobs(self, folder: Path, first: str, last: str, value: str) -> None:
        words = build_arguments("run", "--start-from", first, "--stop-after", last, value)
        result = run_forked(partial(run_in_process, words, mode=self.mode), folder, folder / "printed")
        if result.code:
            raise RuntimeError(f"cannot prepare: {result}")

    def check_again(self, place: RunFolder) -> None:
        """Run the same command again, undisturbed, and check that everything is done exactly once."""
        result = run_forked(self.run, place.folder, place.folder / "again")
        if result.code:
            raise RuntimeError(f"the same command again fails: {result}")
        place.check_done(self.jobs)


SMALL_SCENARIOS = tuple(
    Scenario(jobs, mode, old)
    for mode in ("DELETE", "WAL")
    for old in (False, True)
    for jobs in (("ABC", "B", "C") if mode == "WAL" else ("ABC", "A", "B", "C"))
)
LARGE_SCENARIOS = (
    Scenario("ABC", "DELETE", old=True, lines=LARGE_LINES),
    Scenario("ABC", "WAL", lines=LARGE_LINES),
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
        return RunFolder(folder, scenario.lines)


TEMPLATES = Templates()
