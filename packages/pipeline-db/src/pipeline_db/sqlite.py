"""SQLite files: how one is made and opened, and how long its locks are waited for."""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from peewee import SqliteDatabase

from pipeline_jobs import shown

from .durability import journal
from .errors import DatabaseError, reported
from .schema import migrate, taken

_LONGEST = 2**31 - 1  # milliseconds; SQLite takes a longer timeout for none
_HEADER = 100  # bytes at the start of every SQLite database
_PAUSE = 0.01  # seconds between two attempts at what SQLite does not wait for


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
            # Peewee's driver; what a connection does for itself is asked of it directly, which takes a fifth.
            self.driver: sqlite3.Connection = self.database.connection()
            try:
                with self._waiting():
                    # In one transaction: another process may be making the schema just now.
                    self.driver.execute("BEGIN")
                    taken(self.driver, shown(path))
                    self.driver.execute("COMMIT")
            except BaseException:
                self.database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Turn what the driver raises within the block into a ``DatabaseError``."""
        with reported(self.path, self.busy_timeout):
            yield

    def execute(self, statement: str, **values: object) -> sqlite3.Cursor:
        """Execute one of the `statements` with the values it names.

        Raises:
            DatabaseError: the driver refuses.
        """
        with self.reported():
            return self.driver.execute(statement, values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock for the block, on a schema of this release; commit at its end, or roll back.

        An error that is not the driver's passes through.
        """
        self._choose_journal()
        with self.reported(), self._waiting():
            # A deferred transaction that reads and then writes is refused at once, whatever the timeout.
            self.driver.execute("BEGIN IMMEDIATE")
        try:
            with self.reported():
                migrate(self.driver, shown(self.path))
            yield
            if self.driver.in_transaction:
                with self.reported(), self._waiting():
                    self.driver.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Undo what was written since the block of `writing` began, and let go of the lock."""
        if self.driver.in_transaction:
            with self.reported():
                self.driver.execute("ROLLBACK")

    def _choose_journal(self) -> None:
        mode, synchronous = journal(self.database.server_version, self.path)
        while True:
            try:
                with self.reported(), self._waiting():
                    self.driver.execute(f"PRAGMA journal_mode = {mode}")
                    self.driver.execute(f"PRAGMA synchronous = {synchronous}")
            except DatabaseError as error:
                # A change to or from WAL that meets another connection is refused at once, timeout or not.
                if error.code != "database.busy" or not self._left:
                    raise
            else:
                return
            with self._waiting():
                time.sleep(_PAUSE)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Let the block wait for locks for what is left of the timeout.

        Nothing waits outside of such blocks: where a reader keeps SQLite from writing a full cache to
        the file, each record would wait anew; like this, the cache grows.
        """
        self.driver.execute(f"PRAGMA busy_timeout = {int(min(self._left * 1000, _LONGEST))}")
        start = time.monotonic()
        try:
            yield
        finally:
            self._left = max(0.0, self._left - (time.monotonic() - start))
            self.driver.execute("PRAGMA busy_timeout = 0")


def check(path: Path, busy_timeout: float) -> None:
    """Make sure that a database can be used, or made; nothing is created or changed.

    Raises:
        DatabaseError: it cannot.
    """
    if exists(path):
        # The journal is kept beside the file.
        if not os.access(path, os.W_OK) or not os.access(path.resolve().parent, os.W_OK | os.X_OK):
            raise DatabaseError(
                "database.read_only", f"{shown(path)}: cannot be written; name another with --db-path"
            )
        Connection(path, busy_timeout).database.close()
        return
    nearest = next(folder for folder in path.parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise DatabaseError("database.unavailable", f"{shown(path)}: cannot be made in {shown(nearest)}")


def exists(path: Path) -> bool:
    """Return whether there is a file at `path`.

    Raises:
        DatabaseError: ``database.not_a_file`` or ``database.not_a_database``: there is something else.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DatabaseError("database.unavailable", f"{shown(path)}: {error.strerror}") from error
    except ValueError as error:
        raise DatabaseError("database.unavailable", f"{shown(path)}: no file can have that name") from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise DatabaseError("database.not_a_file", f"{shown(path)}: is {kind}; name a file with --db-path")
    if 0 < found.st_size < _HEADER:
        # SQLite itself takes a file of one byte for empty, and writes over it.
        text = (
            f"{shown(path)}: it is no SQLite database; name another with --db-path (file is not a database)"
        )
        raise DatabaseError("database.not_a_database", text)
    return True


def create(path: Path) -> None:
    """Make an empty file, readable by its owner alone, and its folder; one that is there stays as it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.resolve()  # O_EXCL follows no link, and one may lead to where there is nothing yet
        # A file that another thread has made meanwhile is not opened: closing it would drop that one's locks.
        with suppress(FileExistsError):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DatabaseError(
            "database.unavailable", f"{shown(path)}: cannot be made: {error.strerror}"
        ) from error
