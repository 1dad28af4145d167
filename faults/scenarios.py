"""What is run while things go wrong: jobs, on what was there before, with which journal."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from children import arguments, command, journal, ran
from state import DOCUMENT, LARGE, LINES, Place

OTHER = "another source"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run of some jobs.

    Args:
        jobs: those that run, as ``AB``.
        mode: the journal of the database.
        old: whether another batch, and an older document of the same source, are there already.
        lines: of the input.
    """

    jobs: str
    mode: str = "DELETE"
    old: bool = False
    lines: tuple[str, ...] = LINES

    def __str__(self) -> str:
        size = "large " if self.lines is LARGE else ""
        return f"{size}{'→'.join(self.jobs)} {self.mode}{' on older ones' if self.old else ''}"

    @property
    def words(self) -> list[str]:
        """The arguments of the command."""
        given = {"A": "input.txt", "B": DOCUMENT, "C": "2" if self.old else "1"}[self.jobs[0]]
        return arguments("run", "--start-from", self.jobs[0], "--stop-after", self.jobs[-1], given)

    def run(self) -> int:
        """Run the command in this process and return its exit code."""
        journal(self.mode)
        return command(self.words)()

    def prepared(self, folder: Path) -> Place:
        """Fill an empty folder with what is there before the run."""
        place = Place(folder, self.lines)
        if self.old:
            self._older(place)
        place.write_input()
        before = "ABC".partition(self.jobs[0])[0]
        if before:
            self._ran(folder, "A", before[-1], "input.txt")
        return place

    def _older(self, place: Place) -> None:
        """Leave a finalized batch of another source, and a document of an input that has changed since."""
        (place.folder / "other.txt").write_text(f"{OTHER}\n", encoding="utf-8")
        self._ran(place.folder, "A", "C", "other.txt")
        if "A" in self.jobs:
            place.input.write_text("as it was\n", encoding="utf-8")
            self._ran(place.folder, "A", "A", "input.txt")

    def _ran(self, folder: Path, first: str, last: str, given: str) -> None:
        words = arguments("run", "--start-from", first, "--stop-after", last, given)

        def run() -> int:
            journal(self.mode)
            return command(words)()

        ended = ran(run, folder, folder / "printed")
        if ended.code:
            raise RuntimeError(f"cannot prepare: {ended}")

    def check_again(self, place: Place) -> None:
        """Run the same command again, undisturbed, and make sure that everything is done, once."""
        ended = ran(self.run, place.folder, place.folder / "again")
        if ended.code:
            raise RuntimeError(f"the same command again fails: {ended}")
        place.check_done(self.jobs)


SMALL = tuple(
    Scenario(jobs, mode, old)
    for mode in ("DELETE", "WAL")
    for old in (False, True)
    for jobs in (("ABC", "B", "C") if mode == "WAL" else ("ABC", "A", "B", "C"))
)
LARGE_ONES = (Scenario("ABC", "DELETE", old=True, lines=LARGE), Scenario("ABC", "WAL", lines=LARGE))
ALL = (*SMALL, *LARGE_ONES)


class Templates:
    """Folders made once for each scenario, and copied for each point: the paths within are the same ones."""

    def __init__(self) -> None:
        self._made: dict[tuple[Scenario, Path], Path] = {}

    def place(self, scenario: Scenario, folder: Path) -> Place:
        """Fill an empty folder with what is there before a run of the scenario."""
        template = self._made.get((scenario, folder))
        if template is None:
            place = scenario.prepared(folder)
            template = folder.with_name(f"{folder.name}-{len(self._made)}")
            shutil.copytree(folder, template)
            self._made[scenario, folder] = template
            return place
        shutil.copytree(template, folder, dirs_exist_ok=True)
        return Place(folder, scenario.lines)


TEMPLATES = Templates()
