"""SQLite files: how one is made and opened, and how long its locks are waited for."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import SqliteDatabase
from pipeline_jobs import shown

from .durability import journal
from .errors import DatabaseError, reported
from .schema import migrate, taken


class Connection:
    """A connection for one intent in one thread, to be used in a ``with`` block.

    Args:
        path: absolute; the file must be there.
        busy_timeout: seconds to wait for locks, in all.

    Raises:
        DatabaseError: it cannot be opened, or is not ours.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self.busy_timeout = busy_timeout
        self._left = busy_timeout
        self.database = SqliteDatabase(str(path), pragmas={"foreign_keys": 1})
        with self.reported():
            self.database.connect()
            try:
                with self._waiting():
                    self.version = taken(self.database, shown(path))
            except BaseException:
                self.database.close()
                raise

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Turn what the driver raises within the block into a ``DatabaseError``."""
        with reported(self.path, self.busy_timeout):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock for the block, on a schema of this release; commit at its end, or roll back.

        An error that is not the driver's passes through.
        """
        mode, synchronous = journal(self.database.server_version, self.path.parent)
        with self.reported(), self._waiting():
            self.database.pragma("journal_mode", mode)
            self.database.pragma("synchronous", synchronous)
            # A deferred transaction that reads and then writes is refused at once, whatever the timeout.
            self.database.execute_sql("BEGIN IMMEDIATE")
        try:
            with self.reported():
                migrate(self.database, shown(self.path))
            yield
            if self._in_transaction:
                with self.reported(), self._waiting():
                    self.database.execute_sql("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Undo what was written since the block of `writing` began, and let go of the lock."""
        if self._in_transaction:
            with self.reported():
                self.database.execute_sql("ROLLBACK")

    @property
    def _in_transaction(self) -> bool:
        return bool(self.database.connection().in_transaction)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Let the block wait for locks for what is left of the timeout."""
        self.database.execute_sql(f"PRAGMA busy_timeout = {int(self._left * 1000)}")
        start = time.monotonic()
        try:
            yield
        finally:
            self._left = max(0.0, self._left - (time.monotonic() - start))


def check(path: Path, busy_timeout: float) -> None:
    """Make sure that a database can be used, or made; nothing is created or changed.

    Raises:
        DatabaseError: it cannot.
    """
    if exists(path):
        if not os.access(path, os.W_OK):
            raise DatabaseError("database.read_only", f"{shown(path)}: cannot be written; name another with --db-path")
        Connection(path, busy_timeout).database.close()
        return
    nearest = next(folder for folder in path.parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise DatabaseError("database.unavailable", f"{shown(path)}: cannot be made in {shown(nearest)}")


def exists(path: Path) -> bool:
    """Return whether there is a file at `path`.

    Raises:
        DatabaseError: ``database.not_a_file``: there is something else.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DatabaseError("database.unavailable", f"{shown(path)}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise DatabaseError("database.not_a_file", f"{shown(path)}: is {kind}; name a file with --db-path")
    return True


def create(path: Path) -> None:
    """Make an empty file, readable by its owner alone, and its folder; a file that is there stays as it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DatabaseError("database.unavailable", f"{shown(path)}: cannot be made: {error.strerror}") from error
