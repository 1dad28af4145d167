"""The errors of SQLite's driver become ours, with a code each."""

import resource
from pathlib import Path

import pytest
from peewee import IntegrityError, SqliteDatabase

from pipeline_db import CorruptError, DatabaseError
from pipeline_db.sqlite_errors import reported
from pipeline_jobs import PipelineError


@pytest.fixture
def database(tmp_path):
    database = SqliteDatabase(str(tmp_path / "p.db"), timeout=0, autoconnect=False)
    database.connect()
    database.execute_sql("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    yield database
    database.close()


def fill(database):
    database.execute_sql("PRAGMA max_page_count = 2")
    database.execute_sql("INSERT INTO t VALUES (1)")
    database.execute_sql("CREATE TABLE u (x)")


def write_when_read_only(database):
    database.execute_sql("PRAGMA query_only = 1")
    database.execute_sql("INSERT INTO t VALUES (1)")


def lock(database):
    other = SqliteDatabase(database.database)
    with other.connection_context():
        other.execute_sql("BEGIN EXCLUSIVE")
        database.execute_sql("SELECT * FROM t")


def drop_while_reading(database):
    database.execute_sql("INSERT INTO t VALUES (1), (2)")
    reading = database.execute_sql("SELECT * FROM t")
    reading.fetchone()
    database.execute_sql("DROP TABLE t")


def replace(database, content):
    database.close()
    Path(database.database).write_bytes(content)
    database.connect()
    database.execute_sql("SELECT * FROM t")


def damage(database):
    content = Path(database.database).read_bytes()
    replace(database, content[:4096] + b"\xff" * (len(content) - 4096))


def outgrow_the_limit(database):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        database.execute_sql("CREATE TABLE u (x)")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def insert_twice_past_peewee(database):
    database.connection().executemany("INSERT INTO t VALUES (?)", [(1,), (1,)])


def use_when_closed(database):
    database.close()
    database.execute_sql("SELECT 1")


@pytest.mark.parametrize(
    ("act", "kind", "code", "text"),
    [
        (fill, DatabaseError, "database.full", "the disk is full (database or disk is full)"),
        (
            write_when_read_only,
            DatabaseError,
            "database.read_only",
            "it is read-only (attempt to write a readonly database)",
        ),
        (
            lock,
            DatabaseError,
            "database.busy",
            "in use by another process for over 2.5 s; try again later, or wait longer with --busy-timeout",
        ),
        (
            drop_while_reading,
            DatabaseError,
            "database.busy",
            "in use by another process for over 2.5 s; try again later, or wait longer with --busy-timeout",
        ),
        (
            lambda database: replace(database, b"hello\n" * 1000),
            DatabaseError,
            "database.not_a_database",
            "it is no SQLite database; name another with --db-path (file is not a database)",
        ),
        (
            damage,
            CorruptError,
            "corrupt.database",
            "is damaged (database disk image is malformed); restore a backup",
        ),
        (
            outgrow_the_limit,
            DatabaseError,
            "database.io",
            "reading or writing it failed (disk I/O error)",
        ),
        (
            lambda _: SqliteDatabase("/").connect(),
            DatabaseError,
            "database.unavailable",
            "it cannot be opened (unable to open database file)",
        ),
        (
            insert_twice_past_peewee,
            DatabaseError,
            "database.failed",
            "UNIQUE constraint failed: t.x",
        ),
        (
            lambda database: database.execute_sql("SELECT y FROM t"),
            DatabaseError,
            "database.failed",
            "no such column: y",
        ),
        (
            use_when_closed,
            DatabaseError,
            "database.failed",
            "Error, database connection not opened.",
        ),
    ],
)
def test_an_error_has_its_code(database, tmp_path, act, kind, code, text):
    path = tmp_path / "a\nb.db"
    with pytest.raises(PipelineError) as caught, reported(path, 2.5):
        act(database)

    assert (kind, code, f"{tmp_path}/a\\nb.db: {text}", False) == (
        type(caught.value),
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )


def test_the_drivers_error_is_the_cause(database, tmp_path):
    with pytest.raises(DatabaseError) as caught, reported(tmp_path, 1):
        database.execute_sql("INSERT INTO t VALUES (1), (1)")

    assert isinstance(caught.value.__cause__, IntegrityError)
    assert "UNIQUE constraint failed: t.x" == str(caught.value.__cause__.orig)


def test_other_errors_pass_through(tmp_path):
    """A bug is to be seen as one."""
    for error in (ValueError("x"), KeyboardInterrupt(), OSError("y"), PipelineError("input.x", "z")):
        with pytest.raises(type(error)) as caught, reported(tmp_path, 1):
            raise error

        assert error is caught.value
