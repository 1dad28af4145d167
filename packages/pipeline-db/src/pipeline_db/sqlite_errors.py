"""What SQLite's driver raises, turned into errors that name the file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
from peewee import PeeweeException

from pipeline_jobs import shown

from .errors import CorruptError, DatabaseError
from .locks import holder

DRIVER = peewee.sqlite3  # type: ignore[attr-defined]  # pysqlite3, where that one is newer
_PRIMARY = 0xFF  # SQLite's extended result codes keep the primary one in their lowest byte
_CODES = {
    sqlite3.SQLITE_PERM: ("database.denied", "access is denied"),
    sqlite3.SQLITE_READONLY: ("database.read_only", "it is read-only"),
    sqlite3.SQLITE_IOERR: ("database.io", "reading or writing it failed"),
    sqlite3.SQLITE_FULL: ("database.full", "the disk is full"),
    sqlite3.SQLITE_CANTOPEN: ("database.unavailable", "it cannot be opened"),
    sqlite3.SQLITE_NOTADB: (
        "database.not_a_database",
        "it is no SQLite database; name another with --db-path",
    ),
}


@contextmanager
def reported(path: Path, busy_timeout: float) -> Iterator[None]:
    """Turn what the driver raises within the block into a ``DatabaseError`` that names the file."""
    try:
        yield
    except (PeeweeException, DRIVER.Error) as error:
        raise _translated(error, path, busy_timeout) from error


def _translated(error: Exception, path: Path, busy_timeout: float) -> DatabaseError:
    driver = getattr(error, "orig", error)  # the driver's error within Peewee's
    number = getattr(driver, "sqlite_errorcode", 0)
    match number & _PRIMARY:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            whom = holder(path) or "another process"
            text = f"{shown(path)}: in use by {whom} for over {busy_timeout:g} s; try again later"
            return DatabaseError("database.busy", f"{text}, or wait longer with --busy-timeout")
        case sqlite3.SQLITE_CORRUPT:
            return CorruptError("corrupt.database", f"{shown(path)}: is damaged ({driver}); restore a backup")
        case known if known in _CODES:
            code, text = _CODES[known]
            return DatabaseError(code, f"{shown(path)}: {text} ({driver})")
        case _:
            return DatabaseError("database.failed", f"{shown(path)}: {driver}")
