"""Connections to a PostgreSQL server, and a transaction that holds an advisory lock."""

import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from hashlib import blake2b
from operator import attrgetter
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo

from pipeline_db.database_url import DatabaseUrl
from pipeline_db.exceptions import DatabaseError
from pipeline_db.queries import INSERT_BATCH, PYFORMAT, Statement
from pipeline_jobs.escaping import escape

from .bulk_insert import CopyRows
from .exceptions import AnswerTimeoutError, WrongAnswerError, describe_rejection, translate_errors

if TYPE_CHECKING:
    from psycopg.abc import PQGen

    from pipeline_db.backend import CommitProof

_CHUNKS_PER_COPY = 16  # at the end of each COPY the server waits for us, and only then reports an error
_SEND_BUFFER = 2 << 20  # bytes for a server on this machine to read while the next chunk is made
_MIN_CONNECT_TIMEOUT = 2  # seconds; libpq accepts no less
# Seconds that an answer may take, besides the wait for a lock.
_ANSWER_TIMEOUT = 15.0
_STORE_TIMEOUT = 120.0  # to store records, and to commit: the server's disk may be slow
_COUNT_TIMEOUT = 600.0  # to count the records of a batch
# A network that accepts packets but answers none is noticed within minutes, not hours.
_KEEPALIVES = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 300_000,  # milliseconds; also for a server that reads nothing for so long
}
# In the same way the server notices that we are gone, and releases our lock.
_SERVER_KEEPALIVES = (
    "SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; "
    "SET LOCAL tcp_keepalives_count = 3;"
)


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection to a server that may never answer, or answer anything.

    Attributes:
        busy_timeout: seconds that the server waits for locks.
        answer_timeout: seconds that an answer may take besides; then the connection is closed.
    """

    busy_timeout = answer_timeout = math.inf

    def wait(self, gen: "PQGen[Any]", *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as psycopg has it
        """Wait for an answer as psycopg does, but not for ever.

        Raises:
            AnswerTimeoutError: there is none in time.
        """
        try:
            return super().wait(_limit_time(gen, self.busy_timeout + self.answer_timeout), *args, **kwargs)
        except AnswerTimeoutError:
            self.close()
            raise

    @contextmanager
    def allow_time(self, seconds: float) -> Iterator[None]:
        """Allow a longer time for the answers to the statements of the block."""
        before = self.answer_timeout
        self.answer_timeout = max(before, seconds)
        try:
            yield
        finally:
            self.answer_timeout = before

    def fetch_rows(
        self,
        sql: str,
        values: Mapping[str, object] | None = None,
        *,
        columns: tuple[type | UnionType, ...],
        has_row: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows; call this inside `translate_errors`.

        Args:
            sql: the statement.
            values: of its parameters.
            columns: types of the columns of each row.
            has_row: whether there must be a row.

        Raises:
            WrongAnswerError: the rows are others.
        """
        rows = self.execute(sql, values).fetchall()
        fit = all(len(row) == len(columns) and all(map(isinstance, row, columns)) for row in rows)
        if not fit or (has_row and not rows):
            raise WrongAnswerError
        return rows


def _limit_time(generator: "PQGen[Any]", seconds: float) -> "PQGen[Any]":
    """Return the generator of an operation, which raises if that has not ended after some seconds."""
    deadline = time.monotonic() + seconds
    try:
        wanted = next(generator)
        while True:
            # psycopg resumes it each 0.1 s, also where the server says nothing.
            wanted = generator.send((yield wanted))
            if time.monotonic() > deadline:
                raise AnswerTimeoutError(f"the server has not answered within {seconds:g} s")
    except StopIteration as end:
        return end.value


def open_connection(
    url: DatabaseUrl,
    busy_timeout: float,
    answer_timeout: float | None = None,
    overrides: Mapping[str, str] = MappingProxyType({}),
) -> Connection:
    """Open a connection in autocommit mode, within `busy_timeout` seconds.

    Options in the URL take precedence over those set here.

    Args:
        url: of the database.
        busy_timeout: seconds to wait for locks.
        answer_timeout: seconds that the answer to a statement may take besides; 15 by default.
        overrides: options that take precedence over those in the URL.

    Raises:
        DatabaseError: the connection cannot be made.
    """
    with translate_errors(url, busy_timeout, connecting=True):
        options: dict[str, Any] = {**_KEEPALIVES, "fallback_application_name": "pipeline"}
        if "PGCONNECT_TIMEOUT" not in os.environ:
            options["connect_timeout"] = max(_MIN_CONNECT_TIMEOUT, math.ceil(busy_timeout))
        options |= conninfo.conninfo_to_dict(url.with_password)
        options |= {"client_encoding": "utf8", **overrides}
        # No prepared statements: they outlive a transaction, which a connection pooler may not allow.
        connection = Connection.connect(**options, autocommit=True, prepare_threshold=None)
        connection.busy_timeout = busy_timeout
        connection.answer_timeout = _ANSWER_TIMEOUT if answer_timeout is None else answer_timeout
        _enlarge_send_buffer(connection)
        return connection


def _enlarge_send_buffer(connection: psycopg.Connection) -> None:
    """Enlarge the buffer of a Unix socket, as far as the system allows; buffers of TCP grow by themselves."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        if duplicate.family == socket.AF_UNIX:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


def hash_lock_key(schema: str, key: str) -> int:
    """Return the number of the advisory lock for a key.

    One in 2⁶⁴ pairs of keys shares a number; then one transaction waits for the other.
    """
    digest = blake2b(f"{schema}\\{key}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), signed=True)


class PostgresTransaction:
    """A transaction that has begun and holds an advisory lock.

    Args:
        connection: not in a transaction.
        url: named in messages.
        busy_timeout: seconds to wait for the lock.
        lock: number of the advisory lock.
    """

    def __init__(self, connection: Connection, url: DatabaseUrl, busy_timeout: float, lock: int) -> None:
        self.connection = connection
        self.commit_proof: CommitProof | None = None
        self._rolled_back = False
        self._copy: psycopg.Copy | None = None
        self._copied: list[CopyRows] = []  # what this COPY was given, without the data
        self._waiting: list[CopyRows] = []  # for other tables, when this COPY has ended
        self._copy_stack = ExitStack()
        self._where = url.shown
        self._translate_errors = partial(translate_errors, url, busy_timeout)
        milliseconds = max(1, math.ceil(busy_timeout * 1000))  # 0 would mean no limit
        with self._translate_errors():
            # One text is one round trip. A reported commit is durable, whatever the server's default is.
            connection.execute(
                f"BEGIN; {_SERVER_KEEPALIVES} SET LOCAL lock_timeout = {milliseconds}; "
                "SELECT set_config('synchronous_commit', 'on', true) "
                "WHERE current_setting('synchronous_commit') = 'off'; "
                f"SELECT pg_advisory_xact_lock({lock})"
            )

    @property
    def is_lost(self) -> bool:
        """True if the connection is closed."""
        return self.connection.closed

    def execute(self, statement: Statement, /, **values: object) -> object:
        """Execute a statement with a value for each of its parameters.

        Raises:
            DatabaseError: the server reports an error, or the connection is lost.
        """
        with self._translate_errors():
            self._end_copy()
            return self.connection.execute(statement.compile(PYFORMAT), values)

    def fetch_row(self, statement: Statement, /, **values: object) -> tuple[Any, ...] | None:
        """Execute a statement, and return its first row.

        Raises:
            DatabaseError: as `execute`, or the server returns rows of another form.
        """
        timeout = _COUNT_TIMEOUT if statement.is_slow else 0
        with self._translate_errors(), self.connection.allow_time(timeout):
            self._end_copy()
            sql = statement.compile(PYFORMAT)
            rows = self.connection.fetch_rows(
                sql, values, columns=statement.columns, has_row=statement.has_row
            )
        return rows[0] if rows else None

    def insert_batch(self, **values: object) -> int:
        """Insert the row of a batch, and return its id."""
        with self._translate_errors():
            sql = f"{INSERT_BATCH.compile(PYFORMAT)} RETURNING id"
            rows = self.connection.fetch_rows(sql, values, columns=(int,), has_row=True)
        return int(rows[0][0])

    def insert_records(self, rows: CopyRows) -> None:
        """Insert a chunk of records or rows; the server may report an error only after some more chunks."""
        with self._translate_errors():
            if self._copied and self._copied[0].statement != rows.statement:
                self._waiting.append(rows)
                return
            self._write(rows)
            if len(self._copied) == _CHUNKS_PER_COPY:
                self._end_copy()

    def commit(self) -> None:
        """Commit, unless the transaction was rolled back already.

        Raises:
            DatabaseError: it is not committed; or, if the connection `is_lost`, it may be committed.
        """
        if self._rolled_back:
            return
        with self._translate_errors():
            self._end_copy()
            with self.connection.allow_time(_STORE_TIMEOUT):
                status = self.connection.execute("COMMIT").statusmessage
        if status != "COMMIT":  # it is ROLLBACK after an earlier error
            raise DatabaseError("database.failed", f"the transaction ended in {escape(str(status))}")

    def roll_back(self) -> None:
        """Undo everything, and release the lock; on a lost connection the server does so itself."""
        self._rolled_back = True
        with suppress(psycopg.Error):
            self._abort_copy()
            self.connection.execute("ROLLBACK")

    def _write(self, rows: CopyRows) -> None:
        """Give rows to the COPY of their table, after starting it if necessary."""
        with self.connection.allow_time(_STORE_TIMEOUT), self._explain_rejection():
            if self._copy is None:
                self._copy = self._copy_stack.enter_context(self.connection.cursor().copy(rows.statement))
            self._copied.append(rows._replace(data=b""))
            self._copy.write(rows.data)

    def _end_copy(self) -> None:
        """End the COPY, if there is one, and copy what waits; the server reports errors of its chunks now."""
        self._close_copy()
        waiting, self._waiting = self._waiting, []
        for rows in sorted(waiting, key=attrgetter("statement")):  # stable: in line order
            if self._copied and self._copied[0].statement != rows.statement:
                self._close_copy()
            self._write(rows)
        self._close_copy()

    def _close_copy(self) -> None:
        with self.connection.allow_time(_STORE_TIMEOUT), self._explain_rejection():
            self._copy = None
            self._copy_stack.close()
        self._copied.clear()

    @contextmanager
    def _explain_rejection(self) -> Iterator[None]:
        """Name the line of a row that breaks a constraint; what the server says of it may quote data."""
        try:
            yield
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            text = describe_rejection(error, self._copied)
            if text is None:
                raise
            raise DatabaseError("database.constraint", f"{self._where}: {text}") from None

    def _abort_copy(self) -> None:
        """End the COPY, if there is one, so that the server drops its chunks."""
        reason = psycopg.errors.QueryCanceled("rolled back")
        self._copy_stack.__exit__(type(reason), reason, None)
