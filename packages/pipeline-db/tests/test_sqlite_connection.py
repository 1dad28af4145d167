"""A connection to a SQLite file: what its transaction sees, and a file that is replaced meanwhile."""

import shutil
import subprocess
import sys
from contextlib import closing

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_db.sqlite.backend import create_file
from pipeline_db.sqlite.connection import SqliteConnection
from pipeline_jobs import Finalized, Loaded, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
ONE = [[Record(1, "x")]]


@pytest.fixture
def store(store):
    """A store with a batch in it."""
    store.load(A, ONE, OnDuplicate.SKIP)
    return store


def open_transaction(path):
    return PeeweeStore(path)._backend.open_transaction("key", 1, create=False)


def test_a_connection_enforces_foreign_keys(store):
    with open_transaction(store.path) as connection:
        assert (1,) == connection.driver.execute("PRAGMA foreign_keys").fetchone()


def test_ownership_is_read_in_one_statement(tmp_path):
    """Another process may commit the schema between two, and its new database would look foreign."""
    create_file(tmp_path / "p.db")
    statements = []
    with closing(SqliteConnection(tmp_path / "p.db", 0)) as connection:
        connection.driver.set_trace_callback(statements.append)
        connection.check_ownership()

    assert 1 == len([text for text in statements if text.split()[0] == "SELECT"])


def test_creating_an_existing_file_drops_no_locks(store):
    """Closing any descriptor of a file drops all locks of the process on it, including those of SQLite."""
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    with open_transaction(store.path):
        create_file(store.path)
        result = subprocess.run(
            [sys.executable, "-c", program, store.path], capture_output=True, check=False, encoding="utf-8"
        )

    assert "database is locked" in result.stderr


def remove(path):
    path.unlink()


def replace_with_a_copy(path):
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def replace_with_another_database(path):
    PeeweeStore(path.with_name("another")).load(Source("file:///c", "c"), ONE, OnDuplicate.SKIP)
    path.with_name("another").replace(path)


def move(path):
    path.rename(path.with_name("moved"))


CHANGES = [remove, replace_with_a_copy, replace_with_another_database, move]


def build_expected_error(path):
    text = f"{path}: was removed or replaced while it was in use"
    return "database.replaced", f"{text}; nothing was saved, run the same command again"


@pytest.mark.parametrize("change", CHANGES)
def test_a_load_into_a_replaced_file_fails(store, ask, change):
    """SQLite itself would write to a file that nobody can find, and report success."""

    def chunks():
        yield from [ONE[0], [Record(2, "y")]]
        change(store.path)
        yield [Record(3, "z")]

    with pytest.raises(DatabaseError) as caught:
        store.load(B, chunks(), OnDuplicate.SKIP)

    assert build_expected_error(store.path) == (caught.value.code, str(caught.value))
    if store.path.exists():
        assert [("ok",)] == ask(store.path, "PRAGMA integrity_check")
        assert [(1,)] == ask(store.path, "SELECT count(*) FROM processing_batches")
    assert store.load(B, ONE, OnDuplicate.SKIP).record_count == 1


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_replaced_during_the_commit_is_noticed(store, change):
    def change_at_commit(statement):
        if statement == "COMMIT":
            change(store.path)

    with pytest.raises(DatabaseError) as caught, open_transaction(store.path) as connection:
        connection.driver.set_trace_callback(change_at_commit)

    assert build_expected_error(store.path) == (caught.value.code, str(caught.value))


def test_a_link_may_lead_to_the_database(store, tmp_path):
    """The file that the path leads to counts, not the path."""
    link = tmp_path / "link.db"
    link.symlink_to(store.path)

    assert Loaded(2, 1) == PeeweeStore(link).load(B, ONE, OnDuplicate.SKIP)
    assert Finalized(2, 1) == store.finalize(2)
