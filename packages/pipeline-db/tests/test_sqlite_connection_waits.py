"""Waits for locks: they share one timeout, and end with it."""

import math
import signal
import time
from contextlib import closing

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_db.sqlite import connection, journal
from pipeline_db.sqlite.connection import SqliteConnection
from pipeline_db.sqlite.exceptions import DRIVER
from pipeline_db.sqlite.journal import choose_journal
from pipeline_jobs import Finalized, Loaded, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
ONE = [[Record(1, "x")]]
LARGE = [[Record(number, "x" * 1000) for number in range(1, 5000)]]  # SQLite's cache is 2 MB


@pytest.fixture
def store(store):
    """A store with a batch in it."""
    store.load(A, ONE, OnDuplicate.SKIP)
    return store


@pytest.fixture
def other(store):
    """A connection of another program."""
    with closing(DRIVER.connect(store.path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def while_waiting(monkeypatch):
    """Call a function when the store first pauses because of a lock; see at the end that it was called."""
    pending = []
    sleep = time.sleep

    def call_and_sleep(seconds):
        if pending:
            pending.pop()()
        sleep(seconds)

    monkeypatch.setattr(connection.time, "sleep", call_and_sleep)
    yield pending.append
    assert not pending


def with_short_timeout(store):
    return PeeweeStore(store.path, busy_timeout=0.05)


def build_expected_error(path):
    text = f"{path}: in use by another process for over 0.05 s; try again later"
    return "database.busy", f"{text}, or wait longer with --busy-timeout", False


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.load(B, ONE, OnDuplicate.SKIP),
        lambda store: store.finalize(1),
    ],
)
def test_a_lock_that_stays_is_an_error(store, other, files, lock, call):
    """It is not retriable: the whole timeout has been waited already."""
    other.execute(f"BEGIN {lock}")
    before = files(store.path.parent)

    with pytest.raises(DatabaseError) as caught:
        call(with_short_timeout(store))

    assert build_expected_error(store.path) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )
    assert before == files(store.path.parent)


def test_check_does_not_wait_for_a_writer(store, other, files):
    before = files(store.path.parent)
    other.execute("BEGIN IMMEDIATE")

    PeeweeStore(store.path, busy_timeout=0).check()

    assert before == files(store.path.parent)


@pytest.mark.parametrize("lock", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
def test_load_waits_for_a_lock(store, other, while_waiting, lock):
    other.execute(lock)
    while_waiting(other.rollback)

    assert Loaded(2, 1) == store.load(B, ONE, OnDuplicate.SKIP)


@pytest.mark.parametrize("chunks", [ONE, LARGE])
def test_the_commit_waits_for_a_reader(store, other, while_waiting, monkeypatch, chunks):
    """With a rollback journal nothing can be committed while somebody reads."""
    monkeypatch.setattr(journal, "_LOCAL", frozenset())  # with a WAL there is nothing to wait for
    other.execute("BEGIN")
    other.execute("SELECT * FROM processing_batches").fetchall()
    while_waiting(other.rollback)

    assert Loaded(2, len(chunks[0])) == store.load(B, chunks, OnDuplicate.SKIP)
    assert Finalized(2, len(chunks[0])) == store.finalize(2)


@pytest.mark.parametrize("chunks", [ONE, LARGE])
def test_a_load_waits_for_a_reader_once(store, other, monkeypatch, ask, chunks):
    """Not for each record that finds SQLite's cache full, which took hours."""
    monkeypatch.setattr(journal, "_LOCAL", frozenset())  # with a WAL there is nothing to wait for
    other.execute("BEGIN")
    other.execute("SELECT * FROM processing_batches").fetchall()
    pauses = []
    monkeypatch.setattr(connection.time, "sleep", pauses.append)
    clock = iter(range(1_000_000))
    monkeypatch.setattr(connection.time, "monotonic", lambda: next(clock) / 1000)

    with pytest.raises(DatabaseError) as caught:
        with_short_timeout(store).load(B, chunks, OnDuplicate.SKIP)

    assert build_expected_error(store.path) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )
    assert len(pauses) < 50
    assert [(1,)] == ask(store.path, "SELECT count(*) FROM processed_records")


@pytest.fixture
def reader_of_the_other_journal(store, other):
    """A connection that reads a database whose journal is not the one that this package would use."""
    chosen = choose_journal(DRIVER.sqlite_version_info, store.path)
    other.execute(f"PRAGMA journal_mode = {'WAL' if chosen.mode == 'DELETE' else 'DELETE'}")
    other.execute("BEGIN")
    other.execute("SELECT * FROM processing_batches").fetchall()
    return other


def test_a_change_of_the_journal_waits(store, reader_of_the_other_journal, while_waiting):
    """SQLite itself rejects it at once if there is another connection, whatever the timeout."""

    def leave():
        reader_of_the_other_journal.rollback()
        reader_of_the_other_journal.close()

    while_waiting(leave)

    assert Loaded(2, 1) == store.load(B, ONE, OnDuplicate.SKIP)


def test_a_change_of_the_journal_waits_no_longer_than_the_timeout(store, reader_of_the_other_journal):
    with pytest.raises(DatabaseError) as caught:
        with_short_timeout(store).load(B, ONE, OnDuplicate.SKIP)

    assert build_expected_error(store.path) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )


def test_all_waits_of_a_connection_share_the_timeout(store):
    with closing(SqliteConnection(store.path, 60)) as connection:
        connection._wait_for_lock(time.sleep, 0.01)
        left = connection._wait_left
        connection._wait_for_lock(time.sleep, 0.01)

        assert left <= 60 - 0.01
        assert connection._wait_left <= left - 0.01


def test_sqlite_itself_never_waits(store):
    """While SQLite waits, Python handles no signal."""
    with closing(SqliteConnection(store.path, 60)) as connection:
        assert (0,) == connection.driver.execute("PRAGMA busy_timeout").fetchone()


@pytest.mark.parametrize("busy_timeout", [0, 30, 1e9, math.inf])
def test_any_timeout_can_be_waited_for(store, other, while_waiting, busy_timeout):
    """SQLite's own has 32 bits, of milliseconds."""
    other.execute("BEGIN IMMEDIATE")
    if busy_timeout:
        while_waiting(other.rollback)
    else:
        other.rollback()

    assert Loaded(2, 1) == PeeweeStore(store.path, busy_timeout=busy_timeout).load(B, ONE, OnDuplicate.SKIP)


def test_a_signal_ends_a_wait_for_a_lock(store, other, while_waiting):
    """At once, not at the end of the timeout."""

    class EndedError(BaseException):
        pass

    def end(_number, _frame):
        raise EndedError

    other.execute("BEGIN IMMEDIATE")
    before = signal.signal(signal.SIGALRM, end)
    while_waiting(lambda: signal.raise_signal(signal.SIGALRM))
    try:
        with pytest.raises(EndedError):
            PeeweeStore(store.path, busy_timeout=math.inf).load(B, ONE, OnDuplicate.SKIP)
    finally:
        signal.signal(signal.SIGALRM, before)
