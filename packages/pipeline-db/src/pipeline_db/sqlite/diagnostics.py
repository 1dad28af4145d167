"""Diagnostics of a SQLite file that change nothing: its place, its journal, its schema and its contents."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pipeline_db.exceptions import CorruptError, DatabaseError
from pipeline_db.findings import LISTED, describe_batches, describe_sums, describe_version, list_tables
from pipeline_db.queries import COUNT_BATCHES, FIND_SUMS, LOADED, NAMED, NEWEST_BATCHES, count_rows_by_batch
from pipeline_jobs import Finding
from pipeline_jobs.escaping import escape

from .backend import check_access, file_exists
from .exceptions import DRIVER, translate_error
from .journal import WAL, choose_journal, find_file_system, is_local, is_wal_safe
from .migrations import STEPS, read_schema

_VERSION: tuple[int, ...] = DRIVER.sqlite_version_info
_OTHER_USERS = stat.S_IRWXG | stat.S_IRWXO
_TIMEOUT = 2.0  # seconds to wait for a writer, as a person is waiting too
_JOURNAL_VERSIONS = slice(18, 20)  # bytes of SQLite's header; both are 2 in WAL mode


def examine_file(path: Path) -> list[Finding]:
    """Report on a database file and the place where it is, or will be created."""
    text = "has the WAL-reset fix" if is_wal_safe(_VERSION) else "has the WAL-reset bug, so WAL is not used"
    library = Finding("SQLite", f"{DRIVER.sqlite_version}, {text}")
    try:
        exists = file_exists(path)
    except DatabaseError as error:
        return [library, Finding("database", f"{path}", error)]
    findings = [library, _examine_access(path), _examine_file_system(path), _examine_journal(path)]
    return [*findings, _examine_mode(path), *examine_contents(path)] if exists else findings


def examine_contents(path: Path) -> list[Finding]:
    """Report on the contents of a database file.

    The whole file is read; with a rollback journal nobody can commit meanwhile.
    """
    try:
        in_wal_mode, state = _is_in_wal_mode(path), _read_state(path)
        unused = in_wal_mode and not _get_sibling(path, "-wal").exists()
        if in_wal_mode and not unused and not _get_sibling(path, "-shm").exists():
            return [_report_unfinished_change()]  # SQLite would create that file in order to read
        findings = _collect_contents(path, immutable=unused)
        changed = unused and _read_state(path) != state  # read without locks, so the findings may be wrong
    except OSError as error:
        text = f"{escape(path)}: cannot be read: {error.strerror}"
        return [_report_unreadable(DatabaseError("database.io", text))]
    return [_report_unreadable(_build_busy_error(path))] if changed else findings


def _examine_access(path: Path) -> Finding:
    try:
        exists = check_access(path)
    except DatabaseError as error:
        return Finding("database", f"{path}", error)
    if not exists:
        return Finding("database", f"{path}: none yet, created by the first load")
    return Finding("database", f"{path}, {path.stat().st_size:,} bytes")


def _examine_file_system(path: Path) -> Finding:
    file_system = find_file_system(_find_nearest(path))
    if is_local(file_system):
        return Finding("file system", f"{file_system}, local")
    hint = "locks may not work on a file system that is not local; keep the database on a local disk"
    return Finding("file system", f"{file_system or 'unknown'}, not known to be local", hint=hint)


def _examine_journal(path: Path) -> Finding:
    chosen = choose_journal(_VERSION, _find_nearest(path))
    text = f"{chosen.mode}, synchronous {chosen.synchronous}"
    try:
        in_wal_mode = path.exists() and _is_in_wal_mode(path)
    except OSError:
        in_wal_mode = False  # reported as a finding about the contents
    if in_wal_mode and chosen != WAL:
        text += "; the file is in WAL mode until the next load or finalize"
    return Finding("journal", text)


def _examine_mode(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHER_USERS:
        return Finding("file mode", f"{mode:04o}, accessible to its owner only")
    hint = "other users can access it; chmod 600 restricts it to its owner"
    return Finding("file mode", f"{mode:04o}", hint=hint)


def _collect_contents(path: Path, *, immutable: bool) -> list[Finding]:
    """Return the findings up to SQLite's first error, which becomes the last one."""
    findings = []
    # To read a file in WAL mode SQLite creates two files beside it, unless it is told that nobody writes.
    uri = f"{path.as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    try:
        with closing(DRIVER.connect(uri, uri=True, timeout=_TIMEOUT)) as connection:
            connection.execute("BEGIN")
            for finding in _examine_schema(connection, path):
                findings.append(finding)  # noqa: PERF402  # keeps what was found before an error
    except DRIVER.Error as error:
        translated = translate_error(error, path, _TIMEOUT)
        match translated.code:
            case "database.read_only":  # though it is only read: a journal has to be rolled back first
                findings.append(_report_unfinished_change())
            case "database.busy":
                findings.append(_report_unreadable(_build_busy_error(path)))
            case _:
                findings.append(_report_unreadable(translated))
    return findings


def _examine_schema(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    try:
        version, is_adopted = read_schema(connection, path)
    except DatabaseError as error:
        yield Finding("schema", "cannot be used", error)
        if error.code == "database.foreign":
            return
        version = 0
    else:
        text = "; adopted, so the journal stays as it is" if is_adopted else ""
        yield Finding("schema", describe_version(version, len(STEPS)) + text)
    yield _examine_integrity(connection, path)
    if version:
        yield _examine_batches(connection)
    if version == len(STEPS):
        yield from _examine_sums(connection, path)


def _examine_integrity(connection: sqlite3.Connection, path: Path) -> Finding:
    lines = [line for (text,) in connection.execute("PRAGMA quick_check") for line in text.splitlines()]
    faults = [line for line in lines if line != "ok" and not line.startswith("***")]
    if not faults:
        orphans = sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
        faults = [f"{orphans:,} records whose batch does not exist"] * bool(orphans)
    if not faults:
        return Finding("integrity", "no damage found, and every record has its batch")
    text = faults[0] if len(faults) == 1 else f"{faults[0]}; {len(faults) - 1} more"
    text = f"{escape(path)}: is damaged ({text}); restore a backup"
    return Finding("integrity", "damaged", CorruptError("corrupt.database", text))


def _examine_batches(connection: sqlite3.Connection) -> Finding:
    by_status = dict(connection.execute(COUNT_BATCHES.compile(NAMED)).fetchall())
    newest = connection.execute(NEWEST_BATCHES.compile(NAMED), {"status": LOADED, "limit": LISTED})
    return describe_batches(by_status, [batch_id for (batch_id,) in newest])


def _examine_sums(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    """Count the rows of each batch of typed rows, if there are any."""
    sums = connection.execute(FIND_SUMS.compile(NAMED)).fetchall()
    counts: dict[str, dict[int, int] | None] = {}
    for table in list_tables(sums):
        exists = connection.execute("SELECT 1 FROM pragma_table_info(?)", (table,)).fetchone()
        query = count_rows_by_batch(table).compile(NAMED)
        counts[table] = dict(connection.execute(query).fetchall()) if exists else None
    if sums:
        yield describe_sums(sums, counts, escape(path))


def _report_unfinished_change() -> Finding:
    hint = "the next run undoes or completes it, nothing is lost; after that its contents can be examined"
    return Finding("contents", "an unfinished change, left by a process that was killed", hint=hint)


def _report_unreadable(error: DatabaseError) -> Finding:
    return Finding("contents", "cannot be read", error)


def _build_busy_error(path: Path) -> DatabaseError:
    text = f"{escape(path)}: another process is writing to it; try again when it has finished"
    return DatabaseError("database.busy", text, retriable=True)


def _is_in_wal_mode(path: Path) -> bool:
    """Return whether a database file is in WAL mode; closing it drops this process's locks on it."""
    with path.open("rb") as stream:
        return stream.read(_JOURNAL_VERSIONS.stop)[_JOURNAL_VERSIONS] == b"\2\2"


def _find_nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def _get_sibling(path: Path, suffix: str) -> Path:
    path = path.resolve()
    return path.with_name(f"{path.name}{suffix}")


def _read_state(path: Path) -> tuple[int, int, bool]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, _get_sibling(path, "-wal").exists()
