"""Diagnostics of a PostgreSQL database that change nothing: server, schema, privileges, batches."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg

from pipeline_db.database_url import DatabaseUrl
from pipeline_db.exceptions import CorruptError, DatabaseError
from pipeline_db.findings import LISTED, describe_batches, describe_sums, describe_version, list_tables
from pipeline_db.queries import (
    COUNT_BATCHES,
    FIND_SUMS,
    LOADED,
    NEWEST_BATCHES,
    PYFORMAT,
    Statement,
    count_rows_by_batch,
)
from pipeline_jobs import Finding
from pipeline_jobs.escaping import escape

from .backend import check_privileges
from .connection import Connection, open_connection
from .exceptions import translate_errors
from .migrations import STEPS, read_schema

_TIMEOUT = 2.0  # seconds to wait for a lock, and for an answer besides, as a person is waiting too
_LONG_TIMEOUT = 30.0  # seconds to go through all batches
_CAN_REFUSE = 160_000  # the version of libpq that knows these options
_NO_CREDENTIALS = {"require_auth": "none", "sslcertmode": "disable", "gssencmode": "disable"}
_NO_PASSWORD = "none is sent to a server that a file of the current folder names; give it as --db-url"  # noqa: S105  # a message
_SERVER = """
    SELECT current_setting('server_version'), current_setting('server_encoding'), current_setting('fsync'),
        current_setting('full_page_writes'), current_setting('synchronous_commit')
"""
# Goes from one batch to the next by the primary key, without reading all records.
_MISSING_BATCHES = """
    WITH RECURSIVE present (id) AS (
        (SELECT batch_id FROM processed_records ORDER BY batch_id LIMIT 1)
        UNION ALL
        SELECT (SELECT batch_id FROM processed_records WHERE batch_id > present.id ORDER BY batch_id LIMIT 1)
        FROM present WHERE present.id IS NOT NULL
    )
    SELECT id FROM present
    WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM processing_batches AS batch WHERE batch.id = present.id)
    ORDER BY id
"""

_EXISTS = "SELECT to_regclass(quote_ident(%(table)s)) IS NOT NULL"


def examine_server(url: DatabaseUrl, *, sends_password: bool = True) -> list[Finding]:
    """Report on the server, its schema, this role's privileges and the batches."""
    libpq = psycopg.pq.version_pretty(psycopg.pq.version())
    findings = [Finding("psycopg", f"{psycopg.__version__} ({psycopg.pq.__impl__}), libpq {libpq}")]
    if not sends_password and psycopg.pq.version() < _CAN_REFUSE:
        return [*findings, Finding("database", url.shown, hint=f"not asked, as {_NO_PASSWORD}")]
    options = {} if sends_password else _NO_CREDENTIALS
    try:
        connection = open_connection(url, _TIMEOUT, _TIMEOUT, options)
    except DatabaseError as error:
        if "authentication method requirement" in error.message:
            return [
                *findings,
                Finding("database", url.shown, hint=f"it asks for a password, and {_NO_PASSWORD}"),
            ]
        return [*findings, Finding("database", url.shown, error)]
    findings.append(Finding("database", f"{url.shown}, reached"))
    try:
        with closing(connection), translate_errors(url, _TIMEOUT):
            for finding in _examine_contents(connection, url.shown):
                findings.append(finding)  # noqa: PERF402  # keeps what was found before an error
    except DatabaseError as error:
        findings.append(Finding("contents", "cannot be read", error))
    return findings


def _examine_contents(connection: Connection, where: str) -> Iterator[Finding]:
    ((version, encoding, *durability),) = connection.fetch_rows(
        _SERVER, columns=(str, str, str, str, str), has_row=True
    )
    hint = "this encoding cannot store every text; create the database with: createdb --encoding UTF8"
    yield Finding(
        "PostgreSQL", escape(f"{version}, encoding {encoding}"), hint=None if encoding == "UTF8" else hint
    )
    yield _examine_durability(*durability)
    try:
        schema = read_schema(connection, where)
    except DatabaseError as error:
        yield Finding("schema", "cannot be used", error)
        return
    yield Finding("schema", f"{schema.name}: {describe_version(schema.version, len(STEPS))}")
    try:
        check_privileges(connection, where, schema)
    except DatabaseError as error:
        yield Finding("privileges", "missing", error)
    else:
        yield Finding("privileges", "sufficient to load and finalize")
    if schema.version:
        yield _examine_integrity(connection, where)
        yield _examine_batches(connection)
    if schema.version == len(STEPS):
        yield from _examine_sums(connection, where)


def _examine_durability(fsync: str, full_page_writes: str, synchronous_commit: str) -> Finding:
    text = f"fsync {fsync}, full_page_writes {full_page_writes}, synchronous_commit {synchronous_commit}"
    if synchronous_commit == "off":
        text += ", but on for batches"
    hint = "a crash of the server's machine can lose batches and damage the database"
    return Finding(
        "durability", escape(text), hint=None if (fsync, full_page_writes) == ("on", "on") else hint
    )


def _examine_integrity(connection: Connection, where: str) -> Finding:
    with connection.allow_time(_LONG_TIMEOUT):
        ids = [batch_id for (batch_id,) in connection.fetch_rows(_MISSING_BATCHES, columns=(int,))]
    if not ids:
        return Finding("integrity", "every record has its batch")
    listed = ", ".join(map(str, ids[:LISTED])) + (", …" if ids[LISTED:] else "")
    text = f"{where}: is damaged (records of batches that do not exist: {listed}); restore a backup"
    return Finding("integrity", "damaged", CorruptError("corrupt.database", text))


def _examine_batches(connection: Connection) -> Finding:
    by_status = dict(_fetch_rows(connection, COUNT_BATCHES))
    newest = _fetch_rows(connection, NEWEST_BATCHES, status=LOADED, limit=LISTED)
    return describe_batches(by_status, [batch_id for (batch_id,) in newest])


def _examine_sums(connection: Connection, where: str) -> Iterator[Finding]:
    """Count the rows of each batch of typed rows, if there are any."""
    sums = _fetch_rows(connection, FIND_SUMS)
    counts: dict[str, dict[int, int] | None] = {}
    for table in list_tables(sums):
        exists = connection.fetch_rows(_EXISTS, {"table": table}, columns=(bool,)) == [(True,)]
        with connection.allow_time(_LONG_TIMEOUT):
            counts[table] = dict(_fetch_rows(connection, count_rows_by_batch(table))) if exists else None
    if sums:
        yield describe_sums(sums, counts, where)


def _fetch_rows(connection: Connection, statement: Statement, **values: object) -> list[tuple[Any, ...]]:
    return connection.fetch_rows(statement.compile(PYFORMAT), values, columns=statement.columns)
