"""Connections to a PostgreSQL server: how one is made, and one transaction on it."""

import math
import os
import re
import socket
from contextlib import ExitStack, suppress
from functools import cache, partial
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg import conninfo

from pipeline_db.errors import DatabaseError
from pipeline_db.statements import BEGIN_BATCH
from pipeline_db.url import DatabaseUrl

from .errors import reported
from .inserting import COPY

_CHUNKS_A_COPY = 16  # at the end of each the server waits for us; and only then is an error known
_SEND_BUFFER = 2 << 20  # bytes that a server on this machine has to read while we make the next chunk
_SHORTEST = 2  # seconds: libpq takes no less for a time in which to connect
# A network that takes packets and answers none is noticed in minutes, not in hours.
_ALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 300_000,  # milliseconds; also for a server that reads nothing for so long
}
# So does the server notice that we are gone, and lets go of our lock.
_ALIVE_THERE = (
    "SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; "
    "SET LOCAL tcp_keepalives_count = 3;"
)


def connected(url: DatabaseUrl, busy_timeout: float) -> psycopg.Connection:
    """Return a new connection, on which each statement is a transaction unless one is begun.

    What the URL says goes before what is said here; it is an error not to be connected in `busy_timeout`.

    Raises:
        DatabaseError: it cannot be made.
    """
    with reported(url, busy_timeout, connecting=True):
        given: dict[str, Any] = dict(conninfo.conninfo_to_dict(url.with_password))
        seconds = max(_SHORTEST, math.ceil(busy_timeout))
        usual: dict[str, Any] = {**_ALIVE, "fallback_application_name": "pipeline"}
        if "PGCONNECT_TIMEOUT" not in os.environ:
            usual["connect_timeout"] = seconds
        # Prepared statements would outlive a transaction, which a pooler in between may not allow.
        connection = psycopg.connect(
            **{**usual, **given, "client_encoding": "utf8"}, autocommit=True, prepare_threshold=None
        )
        _widen_socket(connection)
        return connection


def _widen_socket(connection: psycopg.Connection) -> None:
    """Have more fit into a socket of this machine, as far as it allows; those of TCP grow by themselves."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
        if same.family == socket.AF_UNIX:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


def lock_number(schema: str, key: str) -> int:
    """Return the advisory lock of a key; two keys share one in a case of 2⁶⁴, and then only wait."""
    digest = blake2b(f"{schema}\\{key}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), signed=True)


class PostgresTransaction:
    """A transaction that has begun and holds the lock of its key.

    Args:
        connection: in no transaction.
        url: for messages.
        busy_timeout: seconds to wait for the lock.
        lock: number of the advisory lock to hold.
    """

    def __init__(
        self, connection: psycopg.Connection, url: DatabaseUrl, busy_timeout: float, lock: int
    ) -> None:
        self.connection = connection
        self.proof: tuple[str, dict[str, object]] | None = None
        self._rolled_back = False
        self._copy: psycopg.Copy | None = None
        self._chunks = 0
        self._copying = ExitStack()
        self._reported = partial(reported, url, busy_timeout)
        milliseconds = max(1, math.ceil(busy_timeout * 1000))  # 0 would be forever
        with self._reported():
            # One text is one exchange. What is reported as committed lasts, whatever the server's default.
            connection.execute(
                f"BEGIN; {_ALIVE_THERE} SET LOCAL lock_timeout = {milliseconds}; "
                "SELECT set_config('synchronous_commit', 'on', true) "
                "WHERE current_setting('synchronous_commit') = 'off'; "
                f"SELECT pg_advisory_xact_lock({lock})"
            )

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self.connection.closed

    def begin_batch(self, **values: object) -> int:
        """Insert the row of a batch, and return its id."""
        (batch_id,) = self.row(f"{BEGIN_BATCH} RETURNING id", **values) or (0,)
        return int(batch_id)

    def execute(self, statement: str, /, **values: object) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute one of the `statements` with the values it names.

        Raises:
            DatabaseError: the server refuses, or is gone.
        """
        with self._reported():
            self._end_copy()
            return self.connection.execute(_with_placeholders(statement), values)

    def row(self, statement: str, /, **values: object) -> tuple[Any, ...] | None:
        """Return the first row of one of the `statements`."""
        return self.execute(statement, **values).fetchone()

    def insert(self, prepared: bytes) -> None:
        """Insert a chunk of records, of which the server may speak only when some more have followed."""
        with self._reported():
            if self._copy is None:
                self._copy = self._copying.enter_context(self.connection.cursor().copy(COPY))
            self._copy.write(prepared)
            self._chunks += 1
            if self._chunks == _CHUNKS_A_COPY:
                self._end_copy()

    def _end_copy(self) -> None:
        """Learn what became of the chunks that were inserted, if that is not known yet."""
        self._copy, self._chunks = None, 0
        self._copying.close()

    def _drop_copy(self) -> None:
        """End an insertion that is to come to nothing."""
        reason = psycopg.errors.QueryCanceled("rolled back")
        self._copying.__exit__(type(reason), reason, None)

    def proven_by(self, statement: str, /, **values: object) -> None:
        """Say what finds a row if, and only if, this transaction was committed."""
        self.proof = statement, values

    def commit(self) -> None:
        """Commit, unless it is rolled back already.

        Raises:
            DatabaseError: it is not committed; or, if the connection is `lost`, it may be.
        """
        if self._rolled_back:
            return
        with self._reported():
            self._end_copy()
            ended = self.connection.execute("COMMIT").statusmessage
        if ended != "COMMIT":  # so ends what an error has ended before
            raise DatabaseError("database.failed", f"the transaction ended in {ended}")

    def roll_back(self) -> None:
        """Undo what was written, and let go of the lock; of itself, the server does so when we are gone."""
        self._rolled_back = True
        with suppress(psycopg.Error):
            self._drop_copy()
            self.connection.execute("ROLLBACK")


@cache
def _with_placeholders(statement: str) -> str:
    """Return one of the `statements` as psycopg takes it; in none does a colon or % stand for itself."""
    return re.sub(r":(\w+)", r"%(\1)s", statement)
