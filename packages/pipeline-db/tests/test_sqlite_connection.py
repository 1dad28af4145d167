"""A connection: its timeout, which is one for all of its waits, and what it leaves others."""

import math
import subprocess
import sys
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest

from pipeline_db import DatabaseError, PeeweeStore, sqlite
from pipeline_db.sqlite import Connection, create
from pipeline_jobs import OnDuplicate, Record, Source

A = Source("file:///a", "a")
ONE = [[Record(1, "x")]]


@pytest.fixture
def store(store):
    """A store with a batch in it."""
    store.load(A, ONE, OnDuplicate.SKIP)
    return store


def test_a_wait_takes_from_the_timeout(store):
    """All waits of one connection share it."""
    with Connection(store.path, 60) as connection:
        left = connection._left
        connection._wait_for(lambda: time.sleep(0.05))

        assert left < 60
        assert connection._left <= left - 0.05


def test_nothing_waits_by_itself(store):
    with Connection(store.path, 60) as connection, connection.writing():
        assert 0 == connection.database.pragma("busy_timeout")


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0, 0), (0.0015, 1), (30, 250), (1e9, 250), (math.inf, 250)]
)
def test_sqlite_waits_for_a_moment_at_a_time(store, seconds, milliseconds):
    """For less if less is left; and to SQLite, a timeout beyond 32 bits would be none at all."""
    allowed = []
    with Connection(store.path, 60) as connection:
        connection._left = seconds
        connection._wait_for(lambda: allowed.append(connection.database.pragma("busy_timeout")))

    assert milliseconds - 1 <= allowed[0] <= milliseconds


def test_a_database_that_is_being_made_is_not_foreign(tmp_path, monkeypatch):
    """Another process may commit the schema between our looks at whose it is and at what is in it."""
    store = PeeweeStore(tmp_path / "p.db", busy_timeout=0)
    create(store.path)
    taken = sqlite.taken

    class Looks:
        """A connection besides which somebody else writes after the look at whose the database is."""

        def __init__(self, connection):
            self.look = connection.execute

        def execute(self, statement):
            rows = self.look(statement).fetchall()
            if statement == "PRAGMA application_id":
                with suppress(DatabaseError):  # it must wait for us, unless it writes to a WAL
                    store.load(A, ONE, OnDuplicate.SKIP)
            return SimpleNamespace(fetchone=lambda: next(iter(rows), None))

    def slowly(connection, where):
        monkeypatch.undo()
        return taken(Looks(connection), where)

    monkeypatch.setattr(sqlite, "taken", slowly)
    with Connection(store.path, 0):
        pass

    assert 1 == store.load(A, ONE, OnDuplicate.SKIP).batch_id


def test_making_a_file_that_is_there_drops_no_locks(store):
    """Closing any descriptor of a file drops all locks that the process holds on it, those of SQLite too."""
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    with Connection(store.path, 1) as connection, connection.writing():
        create(store.path)
        result = subprocess.run(
            [sys.executable, "-c", program, store.path], capture_output=True, check=False, encoding="utf-8"
        )

    assert "database is locked" in result.stderr
