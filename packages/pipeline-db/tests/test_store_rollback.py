"""A load that fails leaves nothing in the database."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from pipeline_db import DatabaseError
from pipeline_jobs import Finalized, InputError, Loaded, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
SKIP = OnDuplicate.SKIP
ONE = [[Record(1, "x")]]
SMALL = [Record(1, "x"), Record(2, "y")]
LARGE = [Record(number, "x" * 1000) for number in range(1, 5000)]  # more than SQLite's cache of 2 MB


class UnknownError(Exception):
    """An error of the iterator that the store does not know."""


@pytest.fixture(params=["new", "used"])
def store(request, store):
    """A store, without a batch and with one."""
    if request.param == "used":
        store.load(B, ONE, SKIP)
    return store


@pytest.fixture
def assert_nothing_left(store, ask, files):
    """Return a function that checks that no record, journal, connection, lock or id is left."""
    before = store.path and files(store.path.parent).get("pipeline.db")
    expected = 2 if before else 1

    def check():
        left = files(store.path.parent)
        assert ["pipeline.db"] == list(left)
        assert before in (None, left["pipeline.db"])
        assert [("ok",)] == ask(store, "PRAGMA integrity_check")
        assert str(store.path) not in map(os.path.realpath, Path("/proc/self/fd").iterdir())
        assert Loaded(expected, 2) == store.load(A, [SMALL], SKIP)
        assert [(expected + 1,)] == ask(store, "SELECT count(*) FROM processed_records")

    def check_server():
        """An id is used up: another load, which does not wait for this one, may have the next id already."""
        rows = ask(store, "SELECT batch_id FROM processed_records")
        assert [] == ask(store, "SELECT * FROM pg_locks WHERE locktype = 'advisory'")
        assert (2, False) == (store.load(A, [SMALL], SKIP).record_count, store.load(B, ONE, SKIP).duplicate)
        assert [(1,)] * len(rows) == rows
        assert [(3,)] == ask(store, "SELECT count(*) FROM processed_records")

    return check if store.path else check_server


@pytest.mark.parametrize("records", [[], SMALL, LARGE], ids=["first", "small", "large"])
@pytest.mark.parametrize(
    "error",
    [
        UnknownError("x"),
        InputError("input.hash", "x"),
        KeyboardInterrupt(),
        SystemExit(143),
        StopAsyncIteration(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_iterator_passes_through(store, assert_nothing_left, records, error):
    """Unchanged: the job that created the iterator knows what it means."""

    def chunks():
        yield records
        yield [Record(10_000, "z")]
        raise error

    with pytest.raises(type(error)) as caught:
        store.load(A, chunks(), SKIP)

    assert error is caught.value
    assert error.__cause__ is None
    assert_nothing_left()


def test_an_error_after_the_first_chunk_creates_no_database(store, read_everything):
    """Most documents are one chunk; an invalid one leaves the folder unchanged."""
    before = read_everything(store)

    def chunks():
        yield SMALL
        raise UnknownError("x")

    with pytest.raises(UnknownError):
        store.load(A, chunks(), SKIP)

    assert before == read_everything(store)


TABLE = "processed_records"
TABLES = "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
ON_SERVER = {
    "UNIQUE": f'duplicate key value violates unique constraint "{TABLE}_pkey"',
    "CHECK": f'new row for relation "{TABLE}" violates check constraint "{TABLE}_line_number_check"',
}


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        (
            [[Record(1, "x"), Record(1, "y")]],
            f"UNIQUE constraint failed: {TABLE}.batch_id, {TABLE}.line_number",
        ),
        ([SMALL, SMALL], f"UNIQUE constraint failed: {TABLE}.batch_id, {TABLE}.line_number"),
        ([LARGE, SMALL], f"UNIQUE constraint failed: {TABLE}.batch_id, {TABLE}.line_number"),
        ([SMALL, [Record(0, "z")]], "CHECK constraint failed: line_number > 0"),
    ],
)
def test_records_that_the_database_rejects_are_an_error(store, assert_nothing_left, chunks, text):
    """The jobs check records before; a custom iterator may not."""
    with pytest.raises(DatabaseError) as caught:
        store.load(A, chunks, SKIP)

    expected = text if store.path else ON_SERVER[text.split()[0]]
    assert ("database.failed", f"{getattr(store.place, 'shown', store.place)}: {expected}", False) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )
    assert_nothing_left()


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (Record(2**63, "x"), OverflowError),
        (Record(3, "\ud800"), UnicodeEncodeError),
        (None, AttributeError),
    ],
)
def test_an_invalid_record_is_a_bug(store, assert_nothing_left, record, error):
    """Python's own error is raised, not one of the database."""
    with pytest.raises(error):
        store.load(A, [SMALL, [record]], SKIP)

    assert_nothing_left()


def test_a_missing_content_is_rejected(store, assert_nothing_left):
    """By SQLite; for PostgreSQL, by Python, as it cannot be encoded."""
    with pytest.raises((DatabaseError, TypeError)):
        store.load(A, [SMALL, [Record(3, None)]], SKIP)

    assert_nothing_left()


@pytest.mark.parametrize("records", [SMALL, LARGE], ids=["small", "large"])
def test_a_killed_process_leaves_nothing(store, ask, files, records):
    """The next connection to the file, or the server, undoes what was written."""
    had_batch = store.path.exists() if store.path else bool(ask(store, TABLES))
    context = multiprocessing.get_context("fork")
    loading = context.Event()

    def chunks():
        yield records
        loading.set()
        signal.pause()

    process = context.Process(target=store.load, args=(A, chunks(), SKIP))
    process.start()
    assert loading.wait(60)
    process.kill()
    process.join()

    store.check()

    expected = 2 if had_batch else 1
    loaded = store.load(A, [SMALL], SKIP)
    assert (2, False, False) == (loaded.record_count, loaded.duplicate, loaded.resumed)
    assert [(expected + 1,)] == ask(store, "SELECT count(*) FROM processed_records")
    if store.path:
        assert expected == loaded.batch_id
        assert [("ok",)] == ask(store, "PRAGMA integrity_check")
        assert ["pipeline.db"] == list(files(store.path.parent))


@pytest.mark.parametrize("chunks", [[LARGE], [LARGE[:2000], LARGE[2000:]]], ids=["one", "two"])
def test_a_duplicate_changes_nothing(store, read_everything, chunks):
    """Several chunks are loaded to compute their hash, and then rolled back."""
    loaded = store.load(A, chunks, SKIP)
    before = read_everything(store)
    assert loaded.batch_id == store.load(A, chunks, SKIP).batch_id
    assert before == read_everything(store)

    assert Finalized(loaded.batch_id, len(LARGE)) == store.finalize(loaded.batch_id)
    before = read_everything(store)
    assert loaded.batch_id == store.load(A, chunks, SKIP).batch_id
    assert before == read_everything(store)
