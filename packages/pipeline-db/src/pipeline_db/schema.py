"""The schema of a database file, as steps from one version to the next; `user_version` counts those taken."""

import sqlite3

from .errors import DatabaseError

APPLICATION_ID = 0x70706C31  # "ppl1": what marks a SQLite file as one of ours

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
        # Without a rowid, a batch's records lie together in the order of their lines; no index is needed.
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
)
"""The statements of each step. A step that was released is never changed; a change is a new step."""


def taken(connection: sqlite3.Connection, where: str) -> int:
    """Return how many of the steps a database has taken, 0 for an empty one.

    Raises:
        DatabaseError: ``database.foreign``: it is somebody else's; ``database.newer``: of a later release.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        if version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            text = f"{where}: a database of another program; name another file with --db-path"
            raise DatabaseError("database.foreign", text)
        return 0
    if version > len(STEPS):
        text = f"{where}: has schema version {version}, this program knows {len(STEPS)}; upgrade pipeline-db"
        raise DatabaseError("database.newer", text)
    return int(version)


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Take the steps that are missing; to be called in a transaction that holds the write lock."""
    missing = STEPS[taken(connection, where) :]
    if not missing:
        return
    for step in missing:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
