"""Contents of input files, and what must become of them; no code of the packages under test is used."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sweep import require


class Counts(NamedTuple):
    """The counts of a batch or a document; those of lines have only the first one."""

    loaded: int
    read: int | None = None
    rejected: int | None = None
    blank: int | None = None
    dropped: int | None = None


class Content(Protocol):
    """What an input file holds, and what must become of it."""

    @property
    def name(self) -> str:
        """Name of the file; its document is `input_processed.json`."""

    @property
    def options(self) -> Sequence[str]:
        """Options before the command that loads it."""

    @property
    def run_options(self) -> Sequence[str]:
        """Options behind the command."""

    @property
    def table(self) -> str:
        """The table of its records; the view of those of finalized batches is named after it."""

    @property
    def view(self) -> str:
        """The view of the records of finalized batches."""

    @property
    def counts(self) -> Counts:
        """What must become of its rows."""

    @property
    def text(self) -> str:
        """The text of the file."""

    @property
    def earlier_text(self) -> str:
        """Another text of one record, which the same pipeline loads."""

    def check_records(self, records: Sequence[dict[str, Any]]) -> None:
        """Check the records of a document, or of a batch in the form of a document.

        Raises:
            BrokenPromiseError: they are not those of the file.
        """

    def read_records(self, database: sqlite3.Connection, batch_id: int) -> list[dict[str, Any]]:
        """Read the records of a batch, in the form that they have in a document."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text, which the default pipeline loads.

    Args:
        lines: without their ends; none of them is blank.
    """

    lines: tuple[str, ...]

    name = "input.txt"
    options = ()
    run_options = ()
    table = "processed_records"
    view = "finalized_records"
    earlier_text = "as it was\n"

    @property
    def counts(self) -> Counts:
        """The number of lines."""
        return Counts(len(self.lines))

    @property
    def text(self) -> str:
        """The lines with their ends."""
        return "".join(f"{line}\n" for line in self.lines)

    def check_records(self, records: Sequence[dict[str, Any]]) -> None:
        """Check that there is one record for each line."""
        expected = [{"line_number": number, "content": line} for number, line in enumerate(self.lines, 1)]
        require(records == expected, "the records are not the lines of the input")

    def read_records(self, database: sqlite3.Connection, batch_id: int) -> list[dict[str, Any]]:
        """Read the records of a batch."""
        rows = "SELECT line_number, content FROM processed_records WHERE batch_id = ? ORDER BY line_number"
        found = database.execute(rows, [batch_id])
        return [{"line_number": number, "content": content} for number, content in found]


LINES = Lines(tuple(f"line {number}, Grüße" for number in range(1, 41)))
LARGE_LINES = Lines(tuple(f"line {number} " + "x" * 700 for number in range(1, 5_001)))
"""Several chunks: threads read ahead, and SQLite's cache overflows into the file."""
