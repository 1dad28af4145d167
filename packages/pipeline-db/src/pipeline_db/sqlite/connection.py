"""A connection to a SQLite file: its locks, its journal, and one transaction."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline_db.backend import CommitProof, Models
from pipeline_db.exceptions import DatabaseError
from pipeline_db.queries import INSERT_BATCH, NAMED, Statement
from pipeline_jobs.escaping import escape

from .bulk_insert import ConstraintError, PreparedInsert
from .exceptions import DRIVER, is_lock_error, translate_error
from .journal import ROLLBACK, WAL, choose_journal
from .migrations import STEPS, Schema, migrate, read_schema

# Seconds between two attempts to get a lock: the first pause, doubled up to the longest.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


class SqliteConnection:
    """A connection for one transaction in one thread; to be closed.

    Args:
        path: absolute; the file must exist.
        busy_timeout: seconds to wait for locks, in total.
        adopt: whether to use a file that belongs to another program.

    Raises:
        DatabaseError: the file cannot be opened.
    """

    commit_proof: CommitProof | None = None  # not needed: no answer to a commit is lost

    def __init__(self, path: Path, busy_timeout: float, *, adopt: bool = False) -> None:
        self.path = path
        self._adopt = adopt
        self._is_adopted = False
        self.busy_timeout = busy_timeout
        self._wait_left = busy_timeout
        self._identity = _identify_file(path)
        try:
            # SQLite never waits by itself. While it waits, Python handles no signal. And when a reader keeps
            # SQLite from writing a full cache to the file, each record would wait again; so the cache grows.
            self.driver: sqlite3.Connection = DRIVER.connect(path, timeout=0, isolation_level=None)
            self.driver.execute("PRAGMA foreign_keys = 1")
        except DRIVER.Error as error:
            raise translate_error(error, path, busy_timeout) from error

    def close(self) -> None:
        """Close the connection."""
        self.driver.close()

    def check_ownership(self) -> None:
        """Make sure that the database was created by this package, is empty, or is adopted.

        Raises:
            DatabaseError: ``database.foreign`` or ``database.newer``.
        """
        self._read_schema()

    def check_tables(self, models: Models) -> None:
        """Compare the tables of models with those that are there.

        Raises:
            DatabaseError: ``database.table``: they differ.
        """
        from .tables import check_table  # noqa: PLC0415  # lines of text have no model

        for model in models:
            self._wait_for_lock(check_table, self.driver, model, escape(self.path))

    def has_current_schema(self) -> bool:
        """Return whether the database has this release's tables.

        Raises:
            DatabaseError: ``database.foreign`` or ``database.newer``.
        """
        return self._read_schema() == len(STEPS)

    def _read_schema(self) -> int:
        """Return the version of the schema, and keep whether it is adopted."""
        found: list[Schema] = []
        self._wait_for_lock(lambda: found.append(read_schema(self.driver, self.path, adopt=self._adopt)))
        self._is_adopted = found[0].is_adopted
        return found[0].version

    def check_file(self) -> None:
        """Make sure that the path still leads to the open file: what is written to any other file is lost.

        Raises:
            DatabaseError: ``database.replaced``.
        """
        if _identify_file(self.path) != self._identity:
            text = f"{escape(self.path)}: was removed or replaced while it was in use"
            raise DatabaseError("database.replaced", f"{text}; nothing was saved, run the same command again")

    def begin(self, models: Models = ()) -> None:
        """Begin a transaction that holds the write lock, on this release's schema and the models' tables."""
        self.check_ownership()  # before the journal is changed
        self._wait_for_lock(self._set_journal)
        # SQLite rejects a deferred transaction that reads and then writes at once, whatever the timeout.
        self._wait_for_lock(self.driver.execute, "BEGIN IMMEDIATE")
        self.check_file()
        try:
            migrate(self.driver, self.path, adopt=self._adopt)
            if models:
                self._create_tables(models)
        except DRIVER.Error as error:
            raise translate_error(error, self.path, self.busy_timeout) from error

    def _create_tables(self, models: Models) -> None:
        from .tables import create_table  # noqa: PLC0415  # lines of text have no model

        for model in models:
            create_table(self.driver, model)

    def execute(self, statement: Statement, /, **values: object) -> sqlite3.Cursor:
        """Execute a statement with a value for each of its parameters.

        Raises:
            DatabaseError: SQLite reports an error.
        """
        try:
            return self.driver.execute(statement.compile(NAMED), values)
        except DRIVER.Error as error:
            raise translate_error(error, self.path, self.busy_timeout) from error

    def fetch_row(self, statement: Statement, /, **values: object) -> tuple[Any, ...] | None:
        """Execute a statement, and return its first row."""
        row: tuple[Any, ...] | None = self.execute(statement, **values).fetchone()
        return row

    def fetch_rows(self, statement: Statement, /, **values: object) -> list[tuple[Any, ...]]:
        """Execute a query, and return all rows; outside of a transaction, it waits for locks."""
        rows: list[tuple[Any, ...]] = []

        def fetch() -> None:
            rows[:] = self.driver.execute(statement.compile(NAMED), values).fetchall()

        self._wait_for_lock(fetch)
        return rows

    def insert_batch(self, **values: object) -> int:
        """Insert the row of a batch, and return its id."""
        batch_id = self.execute(INSERT_BATCH, **values).lastrowid
        assert batch_id is not None  # noqa: S101  # an INSERT sets it
        return batch_id

    def insert_records(self, records: PreparedInsert) -> None:
        """Insert a chunk of records or rows."""
        try:
            records(self.driver)
        except ConstraintError as error:
            raise DatabaseError("database.constraint", f"{escape(self.path)}: {error}") from error.__cause__
        except DRIVER.Error as error:
            raise translate_error(error, self.path, self.busy_timeout) from error

    def commit(self) -> None:
        """Commit, unless the transaction was rolled back already."""
        if self.driver.in_transaction:
            self.check_file()
            self._wait_for_lock(self.driver.execute, "COMMIT")
            self.check_file()

    def roll_back(self) -> None:
        """Undo the transaction, if there is one, and release the lock."""
        if self.driver.in_transaction:
            try:
                self.driver.execute("ROLLBACK")
            except DRIVER.Error as error:
                raise translate_error(error, self.path, self.busy_timeout) from error

    def _set_journal(self) -> None:
        if self._is_adopted:  # the journal is the team's; the commit is durable all the same
            ((mode,),) = self.driver.execute("PRAGMA journal_mode")
            synchronous = WAL.synchronous if mode.upper() == WAL.mode else ROLLBACK.synchronous
        else:
            mode, synchronous = choose_journal(DRIVER.sqlite_version_info, self.path)
            self.driver.execute(f"PRAGMA journal_mode = {mode}")
        self.driver.execute(f"PRAGMA synchronous = {synchronous}")

    def _wait_for_lock[**Arguments](
        self, act: Callable[Arguments, object], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> None:
        """Do what needs a lock, again and again until it succeeds or the timeout is used up."""
        deadline = time.monotonic() + self._wait_left
        pause = _FIRST_PAUSE
        try:
            while True:
                try:
                    act(*arguments, **named)
                except DRIVER.Error as error:
                    left = deadline - time.monotonic()
                    if not is_lock_error(error) or left <= 0:
                        raise translate_error(error, self.path, self.busy_timeout) from error
                    time.sleep(min(left, pause))
                    pause = min(2 * pause, _LONGEST_PAUSE)
                else:
                    return
        finally:
            self._wait_left = max(0.0, deadline - time.monotonic())


def _identify_file(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of the file at `path`; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
