"""SQLite files: how one is made and opened, and how long its locks are waited for."""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from peewee import SqliteDatabase

from pipeline_jobs import make_folder, shown

from .durability import journal
from .errors import DatabaseError
from .inserting import Insertion
from .schema import migrate, taken
from .sqlite_errors import reported
from .statements import BEGIN_BATCH

_SLICE = 0.25  # seconds that SQLite waits for a lock at a time: while it does, no signal gets through
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
        self._file = _identity(path)
        with self.reported():
            self.database.connect()
            # Peewee's driver; what a connection does for itself is asked of it directly, which takes a fifth.
            self.driver: sqlite3.Connection = self.database.connection()
        try:
            self._wait_for(self._look)
            self._check_place()
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

    def execute(self, statement: str, /, **values: object) -> sqlite3.Cursor:
        """Execute one of the `statements` with the values it names.

        Raises:
            DatabaseError: the driver refuses.
        """
        with self.reported():
            return self.driver.execute(statement, values)

    def row(self, statement: str, /, **values: object) -> tuple[Any, ...] | None:
        """Return the first row of one of the `statements`."""
        found: tuple[Any, ...] | None = self.execute(statement, **values).fetchone()
        return found

    def begin_batch(self, **values: object) -> int:
        """Insert the row of a batch, and return its id."""
        inserted = self.execute(BEGIN_BATCH, **values).lastrowid
        assert inserted is not None  # noqa: S101  # as after every insert
        return inserted

    def insert(self, prepared: Insertion) -> None:
        """Insert a chunk of records."""
        with self.reported():
            prepared(self.driver)

    def proven_by(self, statement: str, /, **values: object) -> None:
        """Take no note: here, whether a commit was done is always known."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock for the block, on a schema of this release; commit at its end, or roll back.

        An error that is not the driver's passes through.
        """
        self._wait_for(self._choose_journal)
        # A deferred transaction that reads and then writes is refused at once, whatever the timeout.
        self._wait_for(lambda: self.driver.execute("BEGIN IMMEDIATE"))
        try:
            self._check_place()
            with self.reported():
                migrate(self.driver, shown(self.path))
            yield
            if self.driver.in_transaction:
                self._check_place()
                self._wait_for(lambda: self.driver.execute("COMMIT"))
                self._check_place()
        except BaseException:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Undo what was written since the block of `writing` began, and let go of the lock."""
        if self.driver.in_transaction:
            with self.reported():
                self.driver.execute("ROLLBACK")

    def _look(self) -> None:
        """Make sure that the database is ours."""
        # In one transaction: another process may be making the schema just now.
        self.driver.execute("BEGIN")
        try:
            taken(self.driver, shown(self.path))
        finally:
            if self.driver.in_transaction:  # some errors end it
                self.driver.execute("ROLLBACK")

    def _choose_journal(self) -> None:
        mode, synchronous = journal(self.database.server_version, self.path)
        self.driver.execute(f"PRAGMA journal_mode = {mode}")
        self.driver.execute(f"PRAGMA synchronous = {synchronous}")

    def _check_place(self) -> None:
        """Make sure that the file is still where it was opened: what is written elsewhere is lost.

        Raises:
            DatabaseError: ``database.replaced``.
        """
        if _identity(self.path) != self._file:
            text = f"{shown(self.path)}: was removed or replaced while it was in use; nothing is kept in it"
            raise DatabaseError("database.replaced", f"{text}, run the same command again")

    def _wait_for(self, act: Callable[[], object]) -> None:
        """Do what takes a lock, again and again for what is left of the timeout.

        Nothing waits elsewhere: where a reader keeps SQLite from writing a full cache to the file, each
        record would wait anew; like this, the cache grows.
        """
        deadline = time.monotonic() + self._left
        try:
            while True:
                left = max(0.0, deadline - time.monotonic())
                self.driver.execute(f"PRAGMA busy_timeout = {int(min(left, _SLICE) * 1000)}")
                try:
                    with self.reported():
                        act()
                except DatabaseError as error:
                    if error.code != "database.busy" or not left:
                        raise
                else:
                    return
                # A change to or from WAL that meets another connection is refused at once, timeout or not.
                time.sleep(min(left, _PAUSE))
        finally:
            self._left = max(0.0, deadline - time.monotonic())
            self.driver.execute("PRAGMA busy_timeout = 0")


def check(path: Path, busy_timeout: float) -> None:
    """Make sure that a database can be used, or made; nothing is created or changed.

    Raises:
        DatabaseError: it cannot.
    """
    if writable(path):
        Connection(path, busy_timeout).database.close()


def writable(path: Path) -> bool:
    """Return whether there is a file, after making sure that it can be written, or made.

    Raises:
        DatabaseError: it cannot.
    """
    if exists(path):
        # The journal is kept beside the file.
        if not os.access(path, os.W_OK) or not os.access(path.resolve().parent, os.W_OK | os.X_OK):
            raise DatabaseError(
                "database.read_only", f"{shown(path)}: cannot be written; name another with --db-path"
            )
        return True
    nearest = next(folder for folder in path.parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise DatabaseError("database.unavailable", f"{shown(path)}: cannot be made in {shown(nearest)}")
    return False


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


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at `path` from any other; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def create(path: Path) -> None:
    """Make an empty file, readable by its owner alone, and its folder; one that is there stays as it is."""
    try:
        make_folder(path.parent)
        target = path.resolve()  # O_EXCL follows no link, and one may lead to where there is nothing yet
        # A file that another thread has made meanwhile is not opened: closing it would drop that one's locks.
        with suppress(FileExistsError):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise DatabaseError(
            "database.unavailable", f"{shown(path)}: cannot be made: {error.strerror}"
        ) from error
