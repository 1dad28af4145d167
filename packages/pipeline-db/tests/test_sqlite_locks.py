"""How long locks are waited for: for the timeout in all, and for no more of it than is left."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import peewee
import pytest

from pipeline_db import DatabaseError, PeeweeStore, durability, sqlite
from pipeline_db.durability import journal
from pipeline_jobs import Finalized, Loaded, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
ONE = [[Record(1, "x")]]
LARGE = [[Record(number, "x" * 1000) for number in range(1, 5000)]]  # SQLite's cache is 2 MB


@pytest.fixture
def store(store):
    """A store with a batch in it, in the journal that any SQLite can use."""
    store.load(A, ONE, OnDuplicate.SKIP)
    return store


@pytest.fixture
def other(store):
    """A connection of another program, used from any thread."""
    driver = peewee.sqlite3
    with closing(driver.connect(store.path, isolation_level=None, check_same_thread=False)) as connection:
        yield connection


@pytest.fixture
def later():
    """Do something from another thread while the test waits for it."""
    timers = []

    def start(act):
        timers.append(threading.Timer(0.2, act))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.join()


def hurried(store):
    return PeeweeStore(store.path, busy_timeout=0.05)


def busy(path, seconds, whom="another process"):
    text = "try again later, or wait longer with --busy-timeout"
    return "database.busy", f"{path}: in use by {whom} for over {seconds} s; {text}", False


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.load(B, ONE, OnDuplicate.SKIP),
        lambda store: store.finalize(1),
    ],
)
def test_a_lock_that_is_kept_is_an_error(store, other, files, lock, call):
    """Not one to retry by itself: the whole timeout has been waited already."""
    other.execute(f"BEGIN {lock}")
    before = files(store.path.parent)

    with pytest.raises(DatabaseError) as caught:
        call(hurried(store))

    assert busy(store.path, 0.05) == (caught.value.code, str(caught.value), caught.value.retriable)
    assert before == files(store.path.parent)


def test_another_writer_does_not_keep_a_database_from_being_checked(store, other, files):
    before = files(store.path.parent)
    other.execute("BEGIN IMMEDIATE")

    hurried(store).check()

    assert before == files(store.path.parent)


@pytest.mark.parametrize("lock", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
def test_a_lock_that_is_released_meanwhile_was_waited_for(store, other, later, lock):
    other.execute(lock)
    later(other.rollback)

    assert Loaded(2, 1) == store.load(B, ONE, OnDuplicate.SKIP)


@pytest.mark.parametrize("chunks", [ONE, LARGE])
def test_a_reader_is_waited_for_at_the_end(store, other, later, chunks):
    """It keeps a rollback journal's commit from being written, as long as it reads."""
    other.execute("BEGIN")
    other.execute("SELECT * FROM processing_batches").fetchall()
    later(other.rollback)

    assert Loaded(2, len(chunks[0])) == store.load(B, chunks, OnDuplicate.SKIP)
    assert Finalized(2, len(chunks[0])) == store.finalize(2)


@pytest.mark.parametrize("chunks", [ONE, LARGE])
def test_a_reader_that_stays_is_waited_for_once(store, other, monkeypatch, ask, chunks):
    """Not at each of the records that find SQLite's cache full, which took hours."""
    monkeypatch.setattr(durability, "_LOCAL", frozenset())  # a WAL does not wait for readers
    other.execute("BEGIN")
    other.execute("SELECT * FROM processing_batches").fetchall()
    start = time.monotonic()

    with pytest.raises(DatabaseError) as caught:
        hurried(store).load(B, chunks, OnDuplicate.SKIP)

    assert busy(store.path, 0.05) == (caught.value.code, str(caught.value), caught.value.retriable)
    assert time.monotonic() - start < 20
    assert [(1,)] == ask(store.path, "SELECT count(*) FROM processed_records")


@pytest.fixture
def reader_of_the_other_journal(store, other):
    """A connection that reads a database whose journal is not the one that we would use."""
    chosen = journal(sqlite.SqliteDatabase.server_version, store.path)
    other.execute(f"PRAGMA journal_mode = {'WAL' if chosen.mode == 'DELETE' else 'DELETE'}")
    other.execute("BEGIN")
    other.execute("SELECT * FROM processing_batches").fetchall()
    return other


def test_a_change_of_journal_waits(store, reader_of_the_other_journal, later):
    """SQLite by itself refuses it at once, whatever the timeout, when another connection is there."""

    def leave():
        reader_of_the_other_journal.rollback()
        reader_of_the_other_journal.close()

    later(leave)

    assert Loaded(2, 1) == store.load(B, ONE, OnDuplicate.SKIP)


def test_a_change_of_journal_waits_for_the_timeout_only(store, reader_of_the_other_journal):
    with pytest.raises(DatabaseError) as caught:
        hurried(store).load(B, ONE, OnDuplicate.SKIP)

    assert busy(store.path, 0.05) == (caught.value.code, str(caught.value), caught.value.retriable)


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("SELECT * FROM processing_batches").fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held(store):
    """Have another process hold a lock while the block lasts, and return its id."""

    @contextmanager
    def holding(statement):
        command = [sys.executable, "-c", HOLD, store.path, statement]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert b"held\n" == process.stdout.readline()
            yield process.pid
            process.communicate()

    return holding


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs an operating system that tells")
@pytest.mark.parametrize(
    ("mode", "statement"),
    [
        ("DELETE", "BEGIN IMMEDIATE"),
        ("DELETE", "BEGIN EXCLUSIVE"),
        ("DELETE", "BEGIN"),
        ("WAL", "BEGIN IMMEDIATE"),
        ("WAL", "BEGIN EXCLUSIVE"),
    ],
)
def test_the_process_that_holds_a_lock_is_named(store, held, monkeypatch, ask, mode, statement):
    """A person then knows whom to wait for, or what to end."""
    chosen = {"DELETE": durability.ROLLBACK, "WAL": durability.WAL}[mode]
    monkeypatch.setattr(sqlite, "journal", lambda _version, _path: chosen)
    ask(store.path, f"PRAGMA journal_mode = {mode}")

    with held(statement) as pid, pytest.raises(DatabaseError) as caught:
        hurried(store).load(B, ONE, OnDuplicate.SKIP)

    whom = f"process {pid} ({Path(sys.executable).name[:15]})"
    assert busy(store.path, 0.05, whom)[:2] == (caught.value.code, str(caught.value))


def test_a_wait_for_a_lock_lets_signals_through(store, other):
    """Within a fraction of a second, not at the end of the timeout."""

    class EndedError(BaseException):
        pass

    def end(_number, _frame):
        raise EndedError

    other.execute("BEGIN IMMEDIATE")
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    start = time.monotonic()
    try:
        with pytest.raises(EndedError):
            PeeweeStore(store.path, busy_timeout=60).load(B, ONE, OnDuplicate.SKIP)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert time.monotonic() - start < 20
