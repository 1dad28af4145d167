"""The schema in SQLite, as steps from one version to the next; `user_version` counts the steps taken.

The SQL of the steps is frozen: it is what existing databases were created with. A test compares the tables
that it creates with the Peewee models.
"""

import sqlite3
from pathlib import Path

from pipeline_db.exceptions import DatabaseError
from pipeline_jobs.escaping import escape

APPLICATION_ID = 0x70706C31  # "ppl1", the mark of a database created by this package

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
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
        )
        """,
        "CREATE INDEX processing_batches_identity ON processing_batches (source, records_sha256)",
        # Without a rowid, the records of a batch are stored together in line order; no index is needed.
        """
        CREATE TABLE processed_records (
            batch_id INTEGER NOT NULL REFERENCES processing_batches (id),
            line_number INTEGER NOT NULL CHECK (line_number > 0),
            content TEXT NOT NULL,
            PRIMARY KEY (batch_id, line_number)
        ) WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE VIEW finalized_records AS
        SELECT batch_id, source, line_number, content
        FROM processed_records JOIN processing_batches ON id = batch_id
        WHERE status = 'finalized'
        """,
    ),
    (
        # Columns are added one by one, which SQLite does without a new table. The counts of a batch of lines
        # are NULL. The last one carries the check on all of them.
        "ALTER TABLE processing_batches ADD COLUMN target TEXT NOT NULL DEFAULT 'processed_records'",
        "ALTER TABLE processing_batches ADD COLUMN schema_name TEXT",
        "ALTER TABLE processing_batches ADD COLUMN schema_fingerprint TEXT",
        "ALTER TABLE processing_batches ADD COLUMN read_count INTEGER CHECK (read_count >= 0)",
        "ALTER TABLE processing_batches ADD COLUMN rejected_count INTEGER CHECK (rejected_count >= 0)",
        "ALTER TABLE processing_batches ADD COLUMN blank_count INTEGER CHECK (blank_count >= 0)",
        """
        ALTER TABLE processing_batches ADD COLUMN dropped_count INTEGER CHECK (dropped_count >= 0) CHECK (
            coalesce(read_count, rejected_count, blank_count, dropped_count) IS NULL
            OR coalesce(read_count = record_count + rejected_count + blank_count + dropped_count, 0)
        )
        """,
        """
        CREATE TABLE rejected_records (
            batch_id INTEGER NOT NULL REFERENCES processing_batches (id),
            line_number INTEGER NOT NULL CHECK (line_number > 0),
            job TEXT NOT NULL,
            kind TEXT NOT NULL,
            column_name TEXT,
            reason TEXT NOT NULL,
            raw TEXT NOT NULL,
            resolved_by INTEGER,
            PRIMARY KEY (batch_id, line_number)
        ) WITHOUT ROWID
        """,
    ),
)
"""The statements of each step. A released step never changes; a change of the tables is a new step."""


# One statement reads all three at one moment: between two, another process may commit the schema.
_READ_VERSION = """
    SELECT application_id, user_version, EXISTS (SELECT 1 FROM sqlite_master)
    FROM pragma_application_id, pragma_user_version
"""


def read_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of a database, 0 for an empty one.

    Raises:
        DatabaseError: ``database.foreign``: it belongs to another program; ``database.newer``: a later
            release created it.
    """
    application_id, version, has_schema = connection.execute(_READ_VERSION).fetchone()
    if application_id != APPLICATION_ID:
        if version or has_schema:
            text = f"{escape(path)}: belongs to another program; name another file with --db-path"
            raise DatabaseError("database.foreign", text)
        return 0
    if version > len(STEPS):
        text = f"{escape(path)}: has schema version {version}, this program supports {len(STEPS)}"
        raise DatabaseError("database.newer", f"{text}; upgrade pipeline-db")
    return int(version)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Take the missing steps; to be called in a transaction that holds the write lock."""
    missing = STEPS[read_version(connection, path) :]
    if not missing:
        return
    for step in missing:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
