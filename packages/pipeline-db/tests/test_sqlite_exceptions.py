"""Translation of SQLite's errors: each gets a code, and names the file."""

import resource
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_db import CorruptError, DatabaseError
from pipeline_db.sqlite.exceptions import DRIVER, translate_error
from pipeline_jobs import OnDuplicate, Source


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p.db"


@pytest.fixture
def connection(path):
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
        yield connection


def connect(path):
    return DRIVER.connect(path, timeout=0, isolation_level=None)


def fill(connection, _path):
    connection.execute("PRAGMA max_page_count = 2")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("CREATE TABLE u (x)")


def write_when_read_only(connection, _path):
    connection.execute("PRAGMA query_only = 1")
    connection.execute("INSERT INTO t VALUES (1)")


def read_when_locked(connection, path):
    with closing(connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        connection.execute("SELECT * FROM t")


def drop_while_reading(connection, _path):
    connection.execute("INSERT INTO t VALUES (1), (2)")
    rows = connection.execute("SELECT * FROM t")
    rows.fetchone()
    connection.execute("DROP TABLE t")


def replace(path, content):
    path.write_bytes(content)
    with closing(connect(path)) as connection:
        connection.execute("SELECT * FROM t")


def damage(_connection, path):
    content = path.read_bytes()
    replace(path.with_name("other.db"), content[:4096] + b"\xff" * (len(content) - 4096))


def outgrow_the_limit(connection, _path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        connection.execute("CREATE TABLE u (x)")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def insert_twice(connection, _path):
    connection.executemany("INSERT INTO t VALUES (?)", [(1,), (1,)])


def use_when_closed(connection, _path):
    connection.close()
    connection.execute("SELECT 1")


BUSY = "in use by another process for over 2.5 s; try again later, or wait longer with --busy-timeout"


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
        (read_when_locked, DatabaseError, "database.busy", BUSY),
        (drop_while_reading, DatabaseError, "database.busy", BUSY),
        (
            lambda _connection, path: replace(path.with_name("other.db"), b"hello\n" * 1000),
            DatabaseError,
            "database.not_a_database",
            "is not a SQLite database; name another file with --db-path (file is not a database)",
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
            lambda _connection, _path: connect("/"),
            DatabaseError,
            "database.unavailable",
            "it cannot be opened (unable to open database file)",
        ),
        (insert_twice, DatabaseError, "database.failed", "UNIQUE constraint failed: t.x"),
        (
            lambda connection, _path: connection.execute("SELECT y FROM t"),
            DatabaseError,
            "database.failed",
            "no such column: y",
        ),
        (use_when_closed, DatabaseError, "database.failed", "Cannot operate on a closed database."),
    ],
)
def test_an_error_has_its_code(connection, path, act, kind, code, text):
    with pytest.raises(DRIVER.Error) as caught:
        act(connection, path)

    error = translate_error(caught.value, Path("/a\nb.db"), 2.5)

    assert (kind, code, f"/a\\nb.db: {text}", False) == (type(error), error.code, str(error), error.retriable)


def test_the_error_of_the_driver_is_the_cause(store, ask):
    store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)
    ask(store, "DROP TABLE processed_records")

    with pytest.raises(DatabaseError) as caught:
        store.finalize(1)

    assert isinstance(caught.value.__cause__, DRIVER.OperationalError)
    assert "no such table: processed_records" == str(caught.value.__cause__)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError("y"), DRIVER.Error("z")])
def test_errors_of_other_code_pass_through(store, error):
    """Among them an error of a database that the iterator itself reads from."""

    def chunks():
        yield []
        yield []
        raise error

    with pytest.raises(type(error)) as caught:
        store.load(Source("file:///a", "a"), chunks(), OnDuplicate.SKIP)

    assert error is caught.value
