"""A PostgreSQL server as a database below the store: who may write, and what a lost connection came to."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NoReturn

import psycopg

from pipeline_db.database import NothingThereError
from pipeline_db.errors import DatabaseError
from pipeline_db.url import DatabaseUrl
from pipeline_jobs import Record, shown

from .connection import PostgresTransaction, connected, lock_number
from .errors import reported
from .inserting import copied
from .schema import STEPS, Place, migrate, taken

_PAUSE = 0.2  # seconds between attempts to reach a server that is starting again
_MIGRATION = ""  # the key of a schema itself: no source is called that
_RIGHTS = """
    SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
        has_schema_privilege(current_schema(), 'CREATE')
"""
_TABLE_RIGHTS = """
    SELECT bool_and(has_table_privilege(name, privilege))
    FROM (VALUES
        ('processing_batches', 'SELECT'), ('processing_batches', 'INSERT'), ('processing_batches', 'UPDATE'),
        ('processed_records', 'SELECT'), ('processed_records', 'INSERT')
    ) AS needed (name, privilege)
"""


class PostgresServer:
    """One schema of one database on a server."""

    def __init__(self, url: DatabaseUrl) -> None:
        self.url = url

    @property
    def where(self) -> str:
        """The URL without the password."""
        return str(self.url)

    @property
    def prepare(self) -> Callable[[int, Sequence[Record]], bytes]:
        """Make of records what inserts them."""
        return copied

    def check(self, busy_timeout: float) -> None:
        """Make sure that the schema can be written to, or tables made in it."""
        with closing(connected(self.url, busy_timeout)) as connection, reported(self.url, busy_timeout):
            examine_rights(connection, self.where, taken(connection, self.where))

    @contextmanager
    def writing(self, key: str, busy_timeout: float, *, make: bool) -> Iterator[PostgresTransaction]:
        """Lend a transaction that waits for those of the same key only.

        Where the answer to its commit is lost, what proves it is asked for on a new connection: a commit
        happens once, and is known to have happened or not.
        """
        with closing(connected(self.url, busy_timeout)) as connection:
            place = self._migrated(connection, busy_timeout, make=make)
            lock = lock_number(place.name, key)
            transaction = PostgresTransaction(connection, self.url, busy_timeout, lock)
            try:
                yield transaction
            except BaseException:
                transaction.roll_back()
                raise
            try:
                transaction.commit()
            except DatabaseError as error:
                if not transaction.lost:
                    raise
                self._prove(transaction, lock, busy_timeout, error)

    def _migrated(self, connection: psycopg.Connection, busy_timeout: float, *, make: bool) -> Place:
        """Return the schema that is worked in, made or migrated in a transaction of its own.

        On SQLite that is one with the load; here, everybody else's first load would wait for this one.
        """
        with reported(self.url, busy_timeout):
            place = taken(connection, self.where)
            if not place.version and not make:
                raise NothingThereError
            if place.version < len(STEPS):
                lock = lock_number(place.name, _MIGRATION)
                transaction = PostgresTransaction(connection, self.url, busy_timeout, lock)
                try:
                    migrate(connection, self.where)
                    transaction.commit()
                except BaseException:
                    transaction.roll_back()
                    raise
        return place

    def _prove(self, lost: PostgresTransaction, lock: int, busy_timeout: float, error: DatabaseError) -> None:
        """Make sure that a transaction was committed whose connection was lost meanwhile."""
        with closing(self._again(busy_timeout, error)) as connection:
            try:
                # While the lost one holds the lock, it is still at it, and what it writes may be there yet.
                transaction = PostgresTransaction(connection, self.url, busy_timeout, lock)
                statement, values = lost.proof or ("SELECT 1 WHERE FALSE", {})
                found = transaction.row(statement, **values)
                transaction.roll_back()
            except DatabaseError as again:
                self._unknown(again, error)
        if found is None:
            raise error

    def _again(self, busy_timeout: float, error: DatabaseError) -> psycopg.Connection:
        """Return a new connection to a server that may be starting again."""
        deadline = time.monotonic() + busy_timeout
        while True:
            try:
                return connected(self.url, busy_timeout)
            except DatabaseError as again:
                if not again.retriable or time.monotonic() > deadline:
                    self._unknown(again, error)
            time.sleep(_PAUSE)

    def _unknown(self, again: DatabaseError, error: DatabaseError) -> NoReturn:
        text = (
            f"{self.where}: the connection was lost during a commit, and whether that was done is not known"
        )
        text += f" ({shown(again.message)}); run the same command again, it finds out"
        raise DatabaseError("database.lost", text, retriable=True) from error


def examine_rights(connection: psycopg.Connection, where: str, place: Place) -> None:
    """Make sure that this role may write here.

    Raises:
        DatabaseError: ``database.read_only`` or ``database.denied``.
    """
    read_only, may_create = connection.execute(_RIGHTS).fetchone() or (False, True)
    if read_only:
        raise DatabaseError("database.read_only", f"{where}: is read-only, as a standby server is")
    if place.version < len(STEPS) and not may_create:
        text = (
            f"{where}: no tables may be made in schema {shown(place.name)}; GRANT CREATE ON SCHEMA allows it"
        )
        raise DatabaseError("database.denied", text)
    if place.version and connection.execute(_TABLE_RIGHTS).fetchone() != (True,):
        text = f"{where}: its tables may not be read and written; GRANT SELECT, INSERT, UPDATE allows it"
        raise DatabaseError("database.denied", text)
