"""What is known of a PostgreSQL database without changing it: server, schema, rights, batches."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
from peewee import SQL, fn

from pipeline_db.describing import NEWEST, batches_found, version_found
from pipeline_db.errors import CorruptError, DatabaseError
from pipeline_db.models import ProcessingBatch
from pipeline_db.statements import LOADED
from pipeline_db.url import DatabaseUrl
from pipeline_jobs import Finding

from .connection import connected
from .errors import reported
from .schema import STEPS, taken
from .server import examine_rights

_PATIENCE = 2.0  # seconds to wait for an answer: a person waits too
_SERVER = """
    SELECT current_setting('server_version'), current_setting('server_encoding'), current_setting('fsync'),
        current_setting('full_page_writes'), current_setting('synchronous_commit')
"""
# From one batch to the next by the primary key: however many records there are, they are not read.
_WITHOUT_BATCH = """
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


def examine_server(url: DatabaseUrl) -> list[Finding]:
    """Tell what server there is, whose schema it holds, what may be done there and what is unfinished."""
    linked = psycopg.pq.version_pretty(psycopg.pq.version())
    findings = [Finding("psycopg", f"{psycopg.__version__} ({psycopg.pq.__impl__}), libpq {linked}")]
    try:
        with closing(connected(url, _PATIENCE)) as connection:
            findings.append(Finding("database", f"{url}, reached"))
            with reported(url, _PATIENCE):
                for finding in _found(connection, str(url)):
                    findings.append(finding)  # noqa: PERF402  # what came before an error is kept
    except DatabaseError as error:
        what = "contents" if findings[1:] else "database"
        findings.append(Finding(what, "cannot be read" if findings[1:] else str(url), error))
    return findings


def _found(connection: psycopg.Connection, where: str) -> Iterator[Finding]:
    version, encoding, *durable = connection.execute(_SERVER).fetchone() or ("", "", "", "", "")
    hint = "it cannot hold every text; createdb --encoding UTF8 makes one that can"
    yield Finding("PostgreSQL", f"{version}, encoding {encoding}", hint=None if encoding == "UTF8" else hint)
    yield _durability(*durable)
    try:
        place = taken(connection, where)
    except DatabaseError as error:
        yield Finding("schema", "not of this release", error)
        return
    yield Finding("schema", f"{place.name}: {version_found(place.version, len(STEPS))}")
    try:
        examine_rights(connection, where, place)
    except DatabaseError as error:
        yield Finding("rights", "not enough", error)
    else:
        yield Finding("rights", "enough to load and to finalize")
    if place.version:
        yield _integrity(connection, where)
        yield _batches(connection)


def _durability(fsync: str, full_page_writes: str, synchronous_commit: str) -> Finding:
    found = f"fsync {fsync}, full_page_writes {full_page_writes}, synchronous_commit {synchronous_commit}"
    if synchronous_commit == "off":
        found += ", but not for batches"
    hint = "a crash of the server's machine can lose batches, and damage the database"
    return Finding("durability", found, hint=None if (fsync, full_page_writes) == ("on", "on") else hint)


def _integrity(connection: psycopg.Connection, where: str) -> Finding:
    ids = [batch_id for (batch_id,) in connection.execute(_WITHOUT_BATCH)]
    if not ids:
        return Finding("integrity", "a batch for every record")
    named = ", ".join(map(str, ids[:NEWEST])) + (", …" if ids[NEWEST:] else "")
    text = f"{where}: is damaged (records of batches that are not there: {named}); restore a backup"
    return Finding("integrity", "not sound", CorruptError("corrupt.database", text))


def _batches(connection: psycopg.Connection) -> Finding:
    status, batch_id = ProcessingBatch.status, ProcessingBatch.id
    counts = ProcessingBatch.select(status, fn.COUNT(SQL("*"))).group_by(status)
    newest = ProcessingBatch.select(batch_id).where(status == SQL(f"'{LOADED}'")).order_by(batch_id.desc())
    by_status: dict[str, int] = dict(connection.execute(counts.sql()[0]).fetchall())
    ids = [found for (found,) in connection.execute(newest.limit(SQL(str(NEWEST))).sql()[0])]
    return batches_found(by_status, ids)
