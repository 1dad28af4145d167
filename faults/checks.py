"""Checks of a run's document, database and output; they use no code of the packages under test."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from contents import LINES, Content, Counts
from sweep import BrokenPromiseError, require

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
    records_sha256: str
    target: str
    read_count: int | None
    rejected_count: int | None
    blank_count: int | None
    dropped_count: int | None

    @property
    def counts(self) -> Counts:
        """What became of the rows of the source."""
        return Counts(
            self.record_count, self.read_count, self.rejected_count, self.blank_count, self.dropped_count
        )


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder in which the command runs on one input file.

    Args:
        folder: path of the folder.
        content: of the input.
    """

    folder: Path
    content: Content = LINES

    @property
    def input(self) -> Path:
        """The input file."""
        return self.folder / self.content.name

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
        self.input.write_text(self.content.text, encoding="utf-8", newline="")

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
        records = document["records"]
        self.content.check_records(records)
        names = ("record_count", "read", "rejected", "blank", "dropped")
        counts = Counts(*map(document.get, names))
        require(counts == self.content.counts, f"the counts of the document are wrong: {counts}")
        require(
            document["records_sha256"] == _hash_records(records), "the document's records_sha256 is wrong"
        )
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
                self._check_batch(batch, database)
        return batches

    def _check_batch(self, batch: Batch, database: sqlite3.Connection) -> None:
        records = self.content.read_records(database, batch.batch_id)
        self.content.check_records(records)
        require(batch.records_sha256 == _hash_records(records), f"the hash of {batch} is wrong")
        require(batch.target == self.content.table, f"{batch} is in another table")
        require(batch.counts == self.content.counts, f"the counts of {batch} are wrong")
        select = f"SELECT count(*) FROM {self.content.view} WHERE batch_id = ?"  # noqa: S608  # a name of ours
        ((visible,),) = database.execute(select, [batch.batch_id])
        expected = batch.record_count if batch.status == "finalized" else 0
        require(visible == expected, f"{visible} records of {batch} are visible")

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
        for line in re.findall(r"^  \d+ read = .*$", output, re.MULTILINE):
            require(line == _describe_counts(self.content.counts), f"wrong counts were reported: {line}")

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
            found = [batch.status for batch in self.read_batches()]
            require(found == [status], f"expected one {status} batch, found {found}")
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
        columns = (
            "SELECT id, source, status, record_count, records_sha256, target, read_count, rejected_count, "
            "blank_count, dropped_count FROM processing_batches ORDER BY id"
        )
        batches = [Batch(*row) for row in connection.execute(columns)]
        found = {table: _count_rows(connection, table) for table in _list_tables(connection)}
    for batch in batches:
        _check_counts(batch, found)
    left = {table: counts for table, counts in found.items() if counts}
    require(not left, f"there are records without a batch: {left}")
    return batches


def _list_tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all tables whose rows belong to batches."""
    tables = (
        "SELECT master.name FROM sqlite_master master JOIN pragma_table_info(master.name) info "
        "WHERE master.type = 'table' AND info.name = 'batch_id'"
    )
    return [name for (name,) in connection.execute(tables)]


def _count_rows(connection: sqlite3.Connection, table: str) -> dict[int, int]:
    """Return the number of rows of each batch in a table."""
    select = f'SELECT batch_id, count(*) FROM "{table}" GROUP BY batch_id'  # noqa: S608  # a name of ours
    return dict(connection.execute(select))


def _check_counts(batch: Batch, found: Mapping[str, dict[int, int]]) -> None:
    """Check the rows of a batch against its counts, and take them out of those that were found."""
    expected = {batch.target: batch.record_count, "rejected_records": batch.rejected_count or 0}
    for table, count in expected.items():
        rows = found.get(table, {}).pop(batch.batch_id, 0)
        require(rows == count, f"{batch} has {rows} rows in {table}")
    _, read, *parts = batch.counts
    if {read, *parts} != {None}:
        known = [part for part in (batch.record_count, *parts) if part is not None]
        require(len(known) == 1 + len(parts) and read == sum(known), f"{batch} does not add up")


def _hash_records(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the hash of records in the form that they have in a document."""
    lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
    return hashlib.sha256(",\n".join(lines).encode()).hexdigest()


def _describe_counts(counts: Counts) -> str:
    """Return the counts as a run reports them."""
    names = zip(counts._fields[2:], counts[2:], strict=True)
    parts = [f"{counts.loaded} loaded", *(f"{count} {name}" for name, count in names if count)]
    return f"  {counts.read} read = {' + '.join(parts)}"


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
