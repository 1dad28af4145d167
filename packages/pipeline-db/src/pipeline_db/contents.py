"""What is in a database file, read without changing it: its schema, its batches, and whether it is sound."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from peewee import SQL, fn

from pipeline_jobs import Finding, shown

from .describing import NEWEST, batches_found, version_found
from .errors import CorruptError, DatabaseError
from .models import ProcessingBatch
from .schema import STEPS, taken
from .sqlite_errors import DRIVER, reported
from .statements import LOADED

_PATIENCE = 2.0  # seconds to wait for a writer: a person waits too
_VERSIONS = slice(18, 20)  # bytes of SQLite's header: both are 2 in WAL mode


def examine_contents(path: Path) -> list[Finding]:
    """Tell what a database holds. All of it is read, and a rollback journal lets nobody commit meanwhile."""
    try:
        wal, before = in_wal(path), _state(path)
        rests = wal and not _beside(path, "-wal").exists()
        if wal and not rests and not _beside(path, "-shm").exists():
            return [_left_half_done()]  # to read it, SQLite would make that file
        findings = _collected(path, immutable=rests)
        changed = rests and _state(path) != before  # read without locks: what was found may be wrong
    except OSError as error:
        return [_unread(DatabaseError("database.io", f"{shown(path)}: cannot be read: {error.strerror}"))]
    return [_unread(_busy(path))] if changed else findings


def in_wal(path: Path) -> bool:
    """Return whether a database file is in WAL mode; to close it drops the locks of this process on it."""
    with path.open("rb") as stream:
        return stream.read(_VERSIONS.stop)[_VERSIONS] == b"\2\2"


def _collected(path: Path, *, immutable: bool) -> list[Finding]:
    """Return what can be found, up to the first error of SQLite."""
    findings = []
    # To read a file in WAL mode SQLite makes two beside it, unless told that nobody writes to it.
    uri = f"{path.as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    try:
        with (
            reported(path, _PATIENCE),
            closing(DRIVER.connect(uri, uri=True, timeout=_PATIENCE)) as connection,
        ):
            connection.execute("BEGIN")
            for finding in _found(connection, path):
                findings.append(finding)  # noqa: PERF402  # what came before an error is kept
    except DatabaseError as error:
        match error.code:
            case "database.read_only":  # said of what is only read: a journal is to be rolled back first
                findings.append(_left_half_done())
            case "database.busy":
                findings.append(_unread(_busy(path)))
            case _:
                findings.append(_unread(error))
    return findings


def _found(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    try:
        version = taken(connection, shown(path))
    except DatabaseError as error:
        yield Finding("schema", "not of this release", error)
        if error.code == "database.foreign":
            return
        version = 0
    else:
        yield Finding("schema", version_found(version, len(STEPS)))
    yield _integrity(connection, path)
    if version:
        yield _batches(connection)


def _integrity(connection: sqlite3.Connection, path: Path) -> Finding:
    lines = [line for (text,) in connection.execute("PRAGMA quick_check") for line in text.splitlines()]
    faults = [line for line in lines if line != "ok" and not line.startswith("***")]
    if not faults:
        orphans = sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
        faults = [f"{orphans:,} records of batches that are not there"] * bool(orphans)
    if not faults:
        return Finding("integrity", "SQLite finds no damage, and a batch for every record")
    text = faults[0] if len(faults) == 1 else f"{faults[0]}; {len(faults) - 1} more"
    return Finding(
        "integrity",
        "not sound",
        CorruptError("corrupt.database", f"{shown(path)}: is damaged ({text}); restore a backup"),
    )


def _batches(connection: sqlite3.Connection) -> Finding:
    status, batch_id = ProcessingBatch.status, ProcessingBatch.id
    counts = ProcessingBatch.select(status, fn.COUNT(SQL("*"))).group_by(status)
    newest = ProcessingBatch.select(batch_id).where(status == LOADED).order_by(batch_id.desc()).limit(NEWEST)
    by_status = dict(connection.execute(*counts.sql()).fetchall())
    ids = [found for (found,) in connection.execute(*newest.sql())]
    return batches_found(by_status, ids)


def _left_half_done() -> Finding:
    hint = "the next run undoes or completes it, nothing is lost; only then its contents can be examined"
    return Finding("contents", "in the middle of a change, left by a process that was killed", hint=hint)


def _unread(error: DatabaseError) -> Finding:
    return Finding("contents", "cannot be read", error)


def _busy(path: Path) -> DatabaseError:
    text = f"{shown(path)}: another process is writing to it; ask again when that is done"
    return DatabaseError("database.busy", text, retriable=True)


def _beside(path: Path, suffix: str) -> Path:
    path = path.resolve()
    return path.with_name(f"{path.name}{suffix}")


def _state(path: Path) -> tuple[int, int, bool]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, _beside(path, "-wal").exists()
