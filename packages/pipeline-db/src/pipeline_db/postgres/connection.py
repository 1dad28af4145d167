"""Connections to a PostgreSQL server, and a transaction that holds an advisory lock."""

import math
import os
import socket
from contextlib import ExitStack, suppress
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo

from pipeline_db.database_url import DatabaseUrl
from pipeline_db.exceptions import DatabaseError
from pipeline_db.queries import INSERT_BATCH, PYFORMAT, Statement

from .bulk_insert import COPY
from .exceptions import translate_errors

if TYPE_CHECKING:
    from pipeline_db.backend import CommitProof

_CHUNKS_PER_COPY = 16  # at the end of each COPY the server waits for us, and only then reports an error
_SEND_BUFFER = 2 << 20  # bytes for a server on this machine to read while the next chunk is made
_MIN_CONNECT_TIMEOUT = 2  # seconds; libpq accepts no less
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


def open_connection(url: DatabaseUrl, busy_timeout: float) -> psycopg.Connection:
    """Open a connection in autocommit mode, within `busy_timeout` seconds.

    Options in the URL take precedence over those set here.

    Raises:
        DatabaseError: the connection cannot be made.
    """
    with translate_errors(url, busy_timeout, connecting=True):
        options: dict[str, Any] = {**_KEEPALIVES, "fallback_application_name": "pipeline"}
        if "PGCONNECT_TIMEOUT" not in os.environ:
            options["connect_timeout"] = max(_MIN_CONNECT_TIMEOUT, math.ceil(busy_timeout))
        options |= conninfo.conninfo_to_dict(url.with_password)
        options["client_encoding"] = "utf8"
        # No prepared statements: they outlive a transaction, which a connection pooler may not allow.
        connection = psycopg.connect(**options, autocommit=True, prepare_threshold=None)
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

    def __init__(
        self, connection: psycopg.Connection, url: DatabaseUrl, busy_timeout: float, lock: int
    ) -> None:
        self.connection = connection
        self.commit_proof: CommitProof | None = None
        self._rolled_back = False
        self._copy: psycopg.Copy | None = None
        self._chunks_in_copy = 0
        self._copy_stack = ExitStack()
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
        """Whether the connection is closed."""
        return self.connection.closed

    def execute(self, statement: Statement, /, **values: object) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute a statement with a value for each of its parameters.

        Raises:
            DatabaseError: the server reports an error, or the connection is lost.
        """
        return self._execute(statement.compile(PYFORMAT), values)

    def fetch_row(self, statement: Statement, /, **values: object) -> tuple[Any, ...] | None:
        """Execute a statement, and return its first row."""
        return self.execute(statement, **values).fetchone()

    def insert_batch(self, **values: object) -> int:
        """Insert the row of a batch, and return its id."""
        (batch_id,) = self._execute(f"{INSERT_BATCH.compile(PYFORMAT)} RETURNING id", values).fetchone() or (
            0,
        )
        return int(batch_id)

    def insert_records(self, rows: bytes) -> None:
        """Insert a chunk of records; the server may report an error only after some more chunks."""
        with self._translate_errors():
            if self._copy is None:
                self._copy = self._copy_stack.enter_context(self.connection.cursor().copy(COPY))
            self._copy.write(rows)
            self._chunks_in_copy += 1
            if self._chunks_in_copy == _CHUNKS_PER_COPY:
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
            status = self.connection.execute("COMMIT").statusmessage
        if status != "COMMIT":  # it is ROLLBACK after an earlier error
            raise DatabaseError("database.failed", f"the transaction ended in {status}")

    def roll_back(self) -> None:
        """Undo everything, and release the lock; on a lost connection the server does so itself."""
        self._rolled_back = True
        with suppress(psycopg.Error):
            self._abort_copy()
            self.connection.execute("ROLLBACK")

    def _execute(self, sql: str, values: dict[str, object]) -> psycopg.Cursor[tuple[Any, ...]]:
        with self._translate_errors():
            self._end_copy()
            return self.connection.execute(sql, values)

    def _end_copy(self) -> None:
        """End the COPY, if there is one; the server reports errors of its chunks now."""
        self._copy, self._chunks_in_copy = None, 0
        self._copy_stack.close()

    def _abort_copy(self) -> None:
        """End the COPY, if there is one, so that the server drops its chunks."""
        reason = psycopg.errors.QueryCanceled("rolled back")
        self._copy_stack.__exit__(type(reason), reason, None)
