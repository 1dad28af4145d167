"""Checks of a run's document, database and output; they use no code of the packages under test."""

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sweep import BrokenPromiseError, require

LINES = tuple(f"line {number}, Grüße" for number in range(1, 41))
LARGE_LINES = tuple(f"line {number} " + "x" * 700 for number in range(1, 5_001))
"""Several chunks: threads read ahead, and SQLite's cache overflows into the file."""

DOCUMENT = Path("data/output/input_processed.json")
DATABASE = Path("data/pipeline.db")

_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|^Exception ignored", re.MULTILINE)
_ERROR_CODE = re.compile(r"\[(\w+)\.\w+\]$", re.MULTILINE)
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
    """A row of the table of batches."""

    batch_id: int
    source: str
    status: str
    record_count: int


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder in which the command runs on `input.txt`.

    Args:
        folder: path of the folder.
        lines: lines of the input.
    """

    folder: Path
    lines: tuple[str, ...] = LINES

    @property
    def input(self) -> Path:
        """The input file."""
        return self.folder / "input.txt"

    @property
    def document(self) -> Path:
        """The document that job A writes."""
        return self.folder / DOCUMENT

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / DATABASE

    def read_document(self) -> bytes | None:
        """Return the content of the document, or None if there is none."""
        return self.document.read_bytes() if self.document.exists() else None

    def write_input(self) -> None:
        """Write the input file."""
        self.input.write_text("".join(f"{line}\n" for line in self.lines), encoding="utf-8")

    def check_intact(self, before: bytes | None = None) -> None:
        """Check that there are no partial results: document, batches and database are whole.

        Args:
            before: content of the document before the run, if there was one.

        Raises:
            BrokenPromiseError: one of them is not whole.
        """
        found = self.read_document()
        if found != before:
            if found is None:
                raise BrokenPromiseError("the earlier document is gone")
            self._check_document(found)
        if self.database.exists():
            self.read_batches()

    def _check_document(self, content: bytes) -> None:
        document = json.loads(content)
        records = [{"line_number": number, "content": line} for number, line in enumerate(self.lines, 1)]
        require(document["records"] == records, "the document does not contain the records of the input")
        lines = (json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in records)
        require(document["record_count"] == len(records), "the document's record_count is wrong")
        digest = hashlib.sha256(",\n".join(lines).encode()).hexdigest()
        require(document["records_sha256"] == digest, "the document's records_sha256 is wrong")
        require(document["source"]["uri"] == self._uri, "the document names another source")

    def read_batches(self) -> list[Batch]:
        """Check that every batch is whole, and return the batches of this input.

        Raises:
            BrokenPromiseError: the database is damaged, or a batch is incomplete.
        """
        batches = [batch for batch in read_batches(self.database) if batch.source == self._uri]
        if not batches:
            return []
        with closing(sqlite3.connect(self.database)) as database:
            for batch in batches:
                rows = "SELECT content FROM processed_records WHERE batch_id = ? ORDER BY line_number"
                records = tuple(content for (content,) in database.execute(rows, [batch.batch_id]))
                require(records == self.lines, f"{batch} does not contain the records of the input")
        return batches

    @property
    def _uri(self) -> str:
        return self.input.resolve().as_uri()

    def check_report(self, output: str) -> None:
        """Check that everything a run reported as done is done.

        Args:
            output: standard output of the run.

        Raises:
            BrokenPromiseError: it reported something that is not done.
        """
        for name in re.findall(r"^  A .* s  (/.*)$", output, re.MULTILINE):
            self._check_document(Path(name).read_bytes())
        for job, number in re.findall(r"^  ([BC]) .* batch (\d+)", output, re.MULTILINE):
            found = {batch.batch_id: batch.status for batch in self.read_batches()}
            require(int(number) in found, f"batch {number} was reported as loaded, but is missing")
            require(job == "B" or found[int(number)] == "finalized", f"batch {number} is not finalized")

    def check_done(self, jobs: str) -> None:
        """Check that the jobs did their work exactly once and left nothing else behind.

        Args:
            jobs: the jobs that completed, such as ``ABC``.

        Raises:
            BrokenPromiseError: they did not.
        """
        if "A" in jobs:
            self._check_document(self.document.read_bytes())
        if "B" in jobs or "C" in jobs:
            status = "finalized" if "C" in jobs else "loaded"
            found = [(batch.status, batch.record_count) for batch in self.read_batches()]
            require(found == [(status, len(self.lines))], f"expected one {status} batch, found {found}")
        names = [path.name for path in (self.folder / "data").rglob("*")]
        left = [name for name in names if name.endswith((".tmp", "-journal", "-wal", "-shm"))]
        require(not left, f"files left behind: {left}")


def read_batches(database: Path) -> list[Batch]:
    """Check that a database is intact and every batch in it whole, and return the batches.

    There may be no file yet, or one without tables: a run that was killed early has loaded nothing.

    Raises:
        BrokenPromiseError: the database is damaged, or a batch is incomplete.
    """
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        check_integrity(connection)
        if not list(connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")):
            return []
        columns = "SELECT id, source, status, record_count FROM processing_batches ORDER BY id"
        batches = [Batch(*row) for row in connection.execute(columns)]
        counts = dict(
            connection.execute("SELECT batch_id, count(*) FROM processed_records GROUP BY batch_id")
        )
    for batch in batches:
        found = counts.pop(batch.batch_id, 0)
        require(found == batch.record_count, f"{batch} has {found} records")
    require(not counts, f"there are records without a batch: {counts}")
    return batches


def check_integrity(connection: sqlite3.Connection) -> None:
    """Check by SQLite's own means that a database is not damaged.

    Raises:
        BrokenPromiseError: it is damaged.
    """
    found = [row for (row,) in connection.execute("PRAGMA integrity_check")]
    require(found == ["ok"], f"integrity_check: {found}")
    require(not list(connection.execute("PRAGMA foreign_key_check")), "foreign_key_check found a violation")


def check_exit(
    code: int,
    err: str,
    *,
    may_be_silent: bool = False,
    allowed: frozenset[int] = frozenset({0, 2, 3, 5, 6, 7}),
) -> None:
    """Check that a run ended with a documented exit code, and with the error code that belongs to it.

    Args:
        code: exit code.
        err: standard error.
        may_be_silent: whether the fault may have prevented all output.
        allowed: exit codes that are accepted.

    Raises:
        BrokenPromiseError: it did not.
    """
    require(not _TRACEBACK.search(err), f"a traceback, exit code {code}: {err}")
    require(code in allowed, f"exit code {code}: {err}")
    if code and (err or not may_be_silent):
        kinds = _ERROR_CODE.findall(err)
        require(kinds and _EXITS.get(kinds[0]) == code, f"exit code {code} does not fit: {err}")
