"""The schema in SQLite, as steps from one version to the next; `user_version` counts the steps taken.

The SQL of the steps is frozen: it is what existing databases were created with. A test compares the tables
that it creates with the Peewee models.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple

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


VERSION_TABLE = "pipeline_schema"
"""Holds the version in the file of a team that has adopted our tables: its own marks stay as they are."""

# One statement reads all four at one moment: between two, another process may commit the schema.
_READ_MARKS = f"""
    SELECT application_id, user_version, EXISTS (SELECT 1 FROM sqlite_master),
        EXISTS (SELECT 1 FROM pragma_table_info('{VERSION_TABLE}') WHERE name = 'version')
    FROM pragma_application_id, pragma_user_version
"""  # noqa: S608  # our own constant
_READ_VERSION = f"SELECT max(version) FROM {VERSION_TABLE}"  # noqa: S608  # our own constant


class Schema(NamedTuple):
    """The schema of a database file.

    Args:
        version: 0 if it has none of our tables.
        is_adopted: whether the file is a team's, which keeps its journal and its marks.
    """

    version: int
    is_adopted: bool = False


def read_schema(connection: sqlite3.Connection, path: Path, *, adopt: bool = False) -> Schema:
    """Return the schema of a database.

    Args:
        connection: to the database.
        path: of its file.
        adopt: whether to use a file that belongs to another program.

    Raises:
        DatabaseError: ``database.foreign``: it belongs to another program; ``database.newer``: a later
            release created it.
    """
    application_id, user_version, has_schema, has_version_table = connection.execute(_READ_MARKS).fetchone()
    if application_id == APPLICATION_ID:
        schema = Schema(int(user_version))
    elif has_version_table:
        schema = Schema(int(connection.execute(_READ_VERSION).fetchone()[0] or 0), is_adopted=True)
    elif adopt:
        schema = Schema(0, is_adopted=True)
    elif user_version or has_schema:
        text = f"{escape(path)}: belongs to another program; name another file with --db-path"
        raise DatabaseError("database.foreign", f"{text}, or run: pipeline adopt")
    else:
        schema = Schema(0)
    if schema.version > len(STEPS):
        text = f"{escape(path)}: has schema version {schema.version}, this program supports {len(STEPS)}"
        raise DatabaseError("database.newer", f"{text}; upgrade pipeline-db")
    return schema


def migrate(connection: sqlite3.Connection, path: Path, *, adopt: bool = False) -> None:
    """Take the missing steps; to be called in a transaction that holds the write lock."""
    schema = read_schema(connection, path, adopt=adopt)
    missing = STEPS[schema.version :]
    if not missing:
        return
    for step in missing:
        for statement in step:
            connection.execute(statement)
    if schema.is_adopted:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE} (version INTEGER NOT NULL)")
        connection.execute(f"DELETE FROM {VERSION_TABLE}")  # noqa: S608  # our own constant
        connection.execute(f"INSERT INTO {VERSION_TABLE} VALUES ({len(STEPS)})")  # noqa: S608  # our own constant
        return
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
