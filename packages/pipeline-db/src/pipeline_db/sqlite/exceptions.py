"""Translation of SQLite's errors into errors with a code that name the file, and who holds its lock."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import peewee

from pipeline_db.exceptions import CorruptError, DatabaseError
from pipeline_jobs.escaping import escape

DRIVER = peewee.sqlite3  # type: ignore[attr-defined]  # pysqlite3, if that is newer

_PRIMARY = 0xFF  # the lowest byte of an extended result code is the primary code
_CODES = {
    sqlite3.SQLITE_PERM: ("database.denied", "access is denied"),
    sqlite3.SQLITE_READONLY: ("database.read_only", "it is read-only"),
    sqlite3.SQLITE_IOERR: ("database.io", "reading or writing it failed"),
    sqlite3.SQLITE_FULL: ("database.full", "the disk is full"),
    sqlite3.SQLITE_CANTOPEN: ("database.unavailable", "it cannot be opened"),
    sqlite3.SQLITE_NOTADB: (
        "database.not_a_database",
        "is not a SQLite database; name another file with --db-path",
    ),
}


_LOCKS = Path("/proc/locks")  # Linux only
_SHARED_MEMORY = "-shm"  # the file beside the database that is locked in WAL mode


def translate_error(error: sqlite3.Error, path: Path, busy_timeout: float) -> DatabaseError:
    """Return the error for one that SQLite's driver raised; raise it from that one."""
    if is_lock_error(error):
        holder = _find_lock_holder(path) or "another process"
        text = f"{escape(path)}: in use by {holder} for over {busy_timeout:g} s; try again later"
        return DatabaseError("database.busy", f"{text}, or wait longer with --busy-timeout")
    match _get_primary_code(error):
        case sqlite3.SQLITE_CORRUPT:
            return CorruptError("corrupt.database", f"{escape(path)}: is damaged ({error}); restore a backup")
        case known if known in _CODES:
            code, text = _CODES[known]
            return DatabaseError(code, f"{escape(path)}: {text} ({error})")
        case _:
            return DatabaseError("database.failed", f"{escape(path)}: {error}")


def is_lock_error(error: sqlite3.Error) -> bool:
    """Return whether an error means that another connection holds a lock."""
    return _get_primary_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _get_primary_code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)  # errors of the driver itself have none
    return code & _PRIMARY


def _find_lock_holder(path: Path) -> str | None:
    """Return another process that holds a lock on the database at `path`, such as ``process 7 (pipeline)``.

    A writer is preferred to a reader. Return None if no process is known.
    """
    inodes = {
        inode for inode in (_format_inode(path), _format_inode(Path(f"{path}{_SHARED_MEMORY}"))) if inode
    }
    with suppress(OSError):
        locks = sorted(_parse_locks(inodes, _LOCKS.read_text(encoding="ascii")))
        if locks:
            _, pid = locks[0]
            return f"process {pid}{_read_process_name(pid)}"
    return None


def _parse_locks(inodes: set[str], table: str) -> Iterator[tuple[bool, int]]:
    """Yield for each lock of another process whether it is a read lock, and the process id."""
    for line in table.splitlines():
        # 1: POSIX ADVISORY WRITE 4711 08:01:1234 1073741824 1073742335; "->" before POSIX: it is waiting
        match line.split():
            case [_, "POSIX", _, kind, pid, inode, *_] if inode in inodes and pid.isdecimal():
                if int(pid) not in (0, os.getpid()):
                    yield kind == "READ", int(pid)


def _format_inode(path: Path) -> str | None:
    """Return device and inode of a file in the notation of the table of locks."""
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def _read_process_name(pid: int) -> str:
    try:
        return f" ({escape(Path(f'/proc/{pid}/comm').read_text(encoding='utf-8', errors='replace').strip())})"
    except OSError:
        return ""  # the process has ended
