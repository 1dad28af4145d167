"""What a folder holds before and after something goes wrong, judged without the code that is on trial."""

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sweep import must

LINES = tuple(f"line {number}, Grüße" for number in range(1, 41))
LARGE = tuple(f"line {number} " + "x" * 700 for number in range(1, 5_001))
"""Several chunks: threads work ahead, and SQLite's cache overflows into the file."""

DOCUMENT = Path("data/output/input_processed.json")
DATABASE = Path("data/pipeline.db")

_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^Exception ignored", re.MULTILINE)
_CODED = re.compile(r"\[(\w+)\.\w+\]$", re.MULTILINE)
_EXITS = {
    "usage": 2,
    "input": 3,
    "batch": 4,
    "output": 5,
    "database": 6,
    "corrupt": 7,
    "orchestration": 8,
    "job": 9,
}


class Batch(NamedTuple):
    """A batch as the database has it."""

    batch_id: int
    source: str
    status: str
    record_count: int


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which the command runs on `input.txt`.

    Args:
        folder: where.
        lines: of the input.
    """

    folder: Path
    lines: tuple[str, ...] = LINES

    @property
    def input(self) -> Path:
        """The file that is read."""
        return self.folder / "input.txt"

    @property
    def document(self) -> Path:
        """The document that is written."""
        return self.folder / DOCUMENT

    @property
    def database(self) -> Path:
        """The database."""
        return self.folder / DATABASE

    def write_input(self) -> None:
        """Write the input."""
        self.input.write_text("".join(f"{line}\n" for line in self.lines), encoding="utf-8")

    def check_unbroken(self, before: bytes | None = None) -> None:
        """Make sure that nothing is half there: not the document, not a batch, not the database.

        Args:
            before: the document as it was, if there was one.

        Raises:
            BrokenError: something is.
        """
        found = self.document.read_bytes() if self.document.exists() else None
        if found != before:
            must(found is not None, "the document that was there is gone")
            self._check_document(found)
        if self.database.exists():
            self.batches()

    def _check_document(self, content: bytes) -> None:
        document = json.loads(content)
        records = [{"line_number": number, "content": line} for number, line in enumerate(self.lines, 1)]
        must(document["records"] == records, "the document does not hold the records of the input")
        lines = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in records)
        must(document["record_count"] == len(records), "the document counts wrong")
        digest = hashlib.sha256(",\n".join(lines).encode()).hexdigest()
        must(document["records_sha256"] == digest, "the document's hash is wrong")
        must(document["source"]["uri"] == self.input.resolve().as_uri(), "the document names another source")

    def batches(self) -> list[Batch]:
        """Return the batches of this input, after making sure that every batch is whole.

        Raises:
            BrokenError: the database is damaged or holds half a batch.
        """
        with closing(sqlite3.connect(self.database)) as database:
            checked = [row for (row,) in database.execute("PRAGMA integrity_check")]
            must(checked == ["ok"], f"integrity_check: {checked}")
            must(not list(database.execute("PRAGMA foreign_key_check")), "foreign_key_check finds something")
            if not list(database.execute("SELECT 1 FROM sqlite_master LIMIT 1")):
                return []
            columns = "SELECT id, source, status, record_count FROM processing_batches ORDER BY id"
            batches = [Batch(*row) for row in database.execute(columns)]
            for batch in batches:
                rows = "SELECT content FROM processed_records WHERE batch_id = ? ORDER BY line_number"
                records = [content for (content,) in database.execute(rows, [batch.batch_id])]
                must(len(records) == batch.record_count, f"{batch} holds {len(records)} records")
                if batch.source == self.input.resolve().as_uri():
                    must(tuple(records) == self.lines, f"{batch} does not hold the records of the input")
            (records_in_all,) = database.execute("SELECT count(*) FROM processed_records").fetchone()
            must(records_in_all == sum(batch.record_count for batch in batches), "records are of no batch")
        return [batch for batch in batches if batch.source == self.input.resolve().as_uri()]

    def check_said(self, said: str) -> None:
        """Make sure that what was said to be done is done.

        Raises:
            BrokenError: it is not.
        """
        for name in re.findall(r"^  A .* s  (/.*)$", said, re.MULTILINE):
            self._check_document(Path(name).read_bytes())
        for job, number in re.findall(r"^  ([BC]) .* batch (\d+)", said, re.MULTILINE):
            found = {batch.batch_id: batch.status for batch in self.batches()}
            must(int(number) in found, f"batch {number} was said to be loaded, and is not there")
            must(job == "B" or found[int(number)] == "finalized", f"batch {number} is not finalized")

    def check_done(self, jobs: str) -> None:
        """Make sure that the jobs have done what they are for, once, and left nothing else.

        Args:
            jobs: those that ran to their end, as ``ABC``.

        Raises:
            BrokenError: they have not.
        """
        if "A" in jobs:
            self._check_document(self.document.read_bytes())
        if "B" in jobs or "C" in jobs:
            status = "finalized" if "C" in jobs else "loaded"
            found = [(batch.status, batch.record_count) for batch in self.batches()]
            must(found == [(status, len(self.lines))], f"not one batch, {status}: {found}")
        found_files = [path.name for path in (self.folder / "data").rglob("*")]
        left = [name for name in found_files if name.endswith((".tmp", "-journal", "-wal", "-shm"))]
        must(not left, f"left behind: {left}")


def check_exit(
    code: int, err: str, *, speechless: bool = False, allowed: frozenset[int] = frozenset({0, 2, 3, 5, 6, 7})
) -> None:
    """Make sure that a run ended with a code and words that are documented.

    Args:
        code: its exit code.
        err: what it printed on standard error.
        speechless: whether it may have been kept from saying anything.
        allowed: exit codes that may be.

    Raises:
        BrokenError: it did not.
    """
    must(not _TRACEBACK.search(err), f"a traceback, exit code {code}: {err}")
    must(code in allowed, f"exit code {code}: {err}")
    if code and (err or not speechless):
        kinds = _CODED.findall(err)
        must(kinds and _EXITS.get(kinds[0]) == code, f"exit code {code} after: {err}")
