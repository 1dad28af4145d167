"""A PostgreSQL schema as the store's database: privileges, transactions, lost commits."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NoReturn

from peewee import PostgresqlDatabase
from psycopg import conninfo

from pipeline_db.backend import FetchRows, MissingDatabaseError, Models
from pipeline_db.database_url import DatabaseUrl
from pipeline_db.exceptions import DatabaseError
from pipeline_db.queries import PYFORMAT, Statement
from pipeline_jobs.escaping import escape

from .bulk_insert import encode_records, encode_rows
from .connection import Connection, PostgresTransaction, hash_lock_key, open_connection
from .exceptions import translate_errors
from .migrations import STEPS, Schema, migrate, read_schema
from .tables import check_table, create_table, has_table

_RECONNECT_PAUSE = 0.2  # seconds between attempts to reach a server that is restarting
_MIGRATION_KEY = ""  # the lock key for the schema itself; no source has an empty URI
_PRIVILEGES = """
    SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
        has_schema_privilege(current_schema(), 'CREATE')
"""
_TABLE_PRIVILEGES = """
    SELECT bool_and(has_table_privilege(to_regclass(name), privilege))
    FROM (VALUES
        ('processing_batches', 'SELECT'), ('processing_batches', 'INSERT'), ('processing_batches', 'UPDATE'),
        ('processed_records', 'SELECT'), ('processed_records', 'INSERT'),
        ('rejected_records', 'SELECT'), ('rejected_records', 'INSERT')
    ) AS needed (name, privilege)
"""


class PostgresBackend:
    """One schema of a database on a server.

    Args:
        url: of the database.
        adopt: whether to use a schema that has tables of another program.
    """

    max_digits = None
    encode_records = staticmethod(encode_records)
    encode_rows = staticmethod(encode_rows)

    def __init__(self, url: DatabaseUrl, *, adopt: bool = False) -> None:
        self.url = url
        self._adopt = adopt
        self.where = url.shown

    def check(self, busy_timeout: float, models: Models = ()) -> None:
        """Make sure that the schema can be written to, or tables created in it."""
        with (
            closing(open_connection(self.url, busy_timeout)) as connection,
            translate_errors(self.url, busy_timeout),
        ):
            check_privileges(connection, self.where, read_schema(connection, self.where, adopt=self._adopt))
            for model in models:
                check_table(connection, model, self.where)

    @contextmanager
    def open_transaction(
        self, key: str, busy_timeout: float, *, create: bool, models: Models = ()
    ) -> Iterator[PostgresTransaction]:
        """Run the block in a transaction that waits only for other transactions with the same key.

        If the answer to the commit is lost, the transaction's commit proof is executed on a new connection.
        So a commit happens once, and it is known whether it happened.
        """
        with closing(open_connection(self.url, busy_timeout)) as connection:
            schema = self._prepare_schema(connection, busy_timeout, create=create, models=models)
            lock = hash_lock_key(schema.name, key)
            transaction = PostgresTransaction(connection, self.url, busy_timeout, lock)
            try:
                yield transaction
            except BaseException:
                transaction.roll_back()
                raise
            try:
                transaction.commit()
            except DatabaseError as error:
                if not transaction.is_lost:
                    raise
                self._verify_commit(transaction, lock, busy_timeout, error)

    @contextmanager
    def open_reader(self, busy_timeout: float) -> Iterator[FetchRows]:
        """Lend a function that reads from the schema."""
        with closing(open_connection(self.url, busy_timeout)) as connection:
            self._prepare_schema(connection, busy_timeout, create=False)

            def fetch_rows(statement: Statement, /, **values: object) -> list[tuple[Any, ...]]:
                sql = statement.compile(PYFORMAT)
                with translate_errors(self.url, busy_timeout):
                    return connection.fetch_rows(sql, values, columns=statement.columns)

            yield fetch_rows

    def make_peewee_database(self, busy_timeout: float) -> PostgresqlDatabase:
        """Return the schema for Peewee, with this release's tables."""
        with closing(open_connection(self.url, busy_timeout)) as connection:
            self._prepare_schema(connection, busy_timeout, create=True)
        options: dict[str, Any] = conninfo.conninfo_to_dict(self.url.with_password)
        name = options.pop("dbname", "")
        try:
            from playhouse.psycopg3_ext import Psycopg3Database  # type: ignore[import-not-found]  # noqa: PLC0415  # in Peewee 3 only
        except ImportError:
            return PostgresqlDatabase(name, prefer_psycopg3=True, **options)
        database: PostgresqlDatabase = Psycopg3Database(name, **options)
        return database

    def _prepare_schema(
        self, connection: Connection, busy_timeout: float, *, create: bool, models: Models = ()
    ) -> Schema:
        """Return the schema in use, after creating or migrating its tables in a transaction of their own.

        On SQLite the load's transaction does that; here every other first load would wait for this one.
        """
        with translate_errors(self.url, busy_timeout):
            schema = read_schema(connection, self.where, adopt=self._adopt)
            if not schema.version and not create:
                raise MissingDatabaseError
            missing = [model for model in models if not has_table(connection, model)]
            if missing or schema.version < len(STEPS):
                lock = hash_lock_key(schema.name, _MIGRATION_KEY)
                transaction = PostgresTransaction(connection, self.url, busy_timeout, lock)
                try:
                    migrate(connection, self.where, adopt=self._adopt)
                    for model in missing:
                        create_table(connection, model)
                    transaction.commit()
                except BaseException:
                    transaction.roll_back()
                    raise
        return schema

    def _verify_commit(
        self, lost: PostgresTransaction, lock: int, busy_timeout: float, error: DatabaseError
    ) -> None:
        """Make sure that a transaction with a lost connection was committed; raise `error` if it was not."""
        with closing(self._reconnect(busy_timeout, error)) as connection:
            try:
                # While the lost transaction holds the lock, it may still be committing.
                transaction = PostgresTransaction(connection, self.url, busy_timeout, lock)
                row = None
                if lost.commit_proof:
                    statement, values = lost.commit_proof
                    row = transaction.fetch_row(statement, **values)
                transaction.roll_back()
            except DatabaseError as failure:
                self._raise_unknown_commit(failure, error)
        if row is None:
            raise error

    def _reconnect(self, busy_timeout: float, error: DatabaseError) -> Connection:
        """Open a new connection to a server that may be restarting."""
        deadline = time.monotonic() + busy_timeout
        while True:
            try:
                return open_connection(self.url, busy_timeout)
            except DatabaseError as failure:
                if not failure.retriable or time.monotonic() > deadline:
                    self._raise_unknown_commit(failure, error)
            time.sleep(_RECONNECT_PAUSE)

    def _raise_unknown_commit(self, failure: DatabaseError, error: DatabaseError) -> NoReturn:
        text = f"{self.where}: the connection was lost during the commit, and its outcome is unknown"
        text += f" ({escape(failure.message)}); run the same command again to find out"
        raise DatabaseError("database.lost", text, retriable=True) from error


def check_privileges(connection: Connection, where: str, schema: Schema) -> None:
    """Make sure that this role may write to the schema.

    Raises:
        DatabaseError: ``database.read_only`` or ``database.denied``.
    """
    ((read_only, may_create),) = connection.fetch_rows(_PRIVILEGES, columns=(bool, bool), has_row=True)
    if read_only:
        raise DatabaseError("database.read_only", f"{where}: is read-only, for example a standby server")
    if schema.version < len(STEPS) and not may_create:
        text = f"{where}: no privilege to create tables in schema {escape(schema.name)}"
        raise DatabaseError("database.denied", f"{text}; ask for GRANT CREATE ON SCHEMA")
    if schema.version and connection.fetch_rows(_TABLE_PRIVILEGES, columns=(bool | None,)) != [(True,)]:
        text = f"{where}: no privilege to read and write its tables; ask for GRANT SELECT, INSERT, UPDATE"
        raise DatabaseError("database.denied", text)
