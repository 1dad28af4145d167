"""The tables of a pipeline database, for scripts that load them with nothing but `sqlite3`."""

import sqlite3

SCHEMA = """
CREATE TABLE processing_batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    source_name TEXT NOT NULL,
    records_sha256 TEXT NOT NULL,
    record_count INTEGER NOT NULL CHECK (record_count >= 0),
    status TEXT NOT NULL CHECK (status IN ('loaded', 'finalized')),
    created_at TEXT NOT NULL,
    finalized_at TEXT,
    run_id TEXT,
    CHECK ((status = 'finalized') = (finalized_at IS NOT NULL))
);
CREATE INDEX processing_batches_identity ON processing_batches (source, records_sha256);
CREATE TABLE processed_records (
    batch_id INTEGER NOT NULL REFERENCES processing_batches (id),
    line_number INTEGER NOT NULL CHECK (line_number > 0),
    content TEXT NOT NULL,
    PRIMARY KEY (batch_id, line_number)
) WITHOUT ROWID;
"""

INSERT_BATCH = """
INSERT INTO processing_batches (source, source_name, records_sha256, record_count, status, created_at)
VALUES (?, ?, '', ?, 'loaded', datetime())
"""
INSERT_RECORD = "INSERT INTO processed_records (batch_id, line_number, content) VALUES (?, ?, ?)"
FINALIZE = "UPDATE processing_batches SET status = 'finalized', finalized_at = datetime() WHERE id = ?"


def connect(path: str, journal: str, synchronous: str) -> sqlite3.Connection:
    """Open a new database with its tables, in which transactions begin and end where the script says so."""
    database = reconnect(path, synchronous)
    database.execute(f"PRAGMA journal_mode = {journal}")
    database.executescript(SCHEMA)
    return database


def reconnect(path: str, synchronous: str) -> sqlite3.Connection:
    """Open a database that is there; its file does not keep how synchronous it is."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA synchronous = {synchronous}")
    return database


def load(database: sqlite3.Connection, source: str, name: str, rows: list[tuple[int, str]]) -> int:
    """Insert a batch and its records in one transaction, and return its id."""
    database.execute("BEGIN IMMEDIATE")
    batch = database.execute(INSERT_BATCH, (source, name, len(rows))).lastrowid
    database.executemany(INSERT_RECORD, ((batch, number, content) for number, content in rows))
    database.execute("COMMIT")
    return int(batch or 0)


def finalize(database: sqlite3.Connection, batch: int) -> None:
    """Mark a batch as finalized, in a transaction of its own."""
    database.execute("BEGIN IMMEDIATE")
    database.execute(FINALIZE, (batch,))
    database.execute("COMMIT")
