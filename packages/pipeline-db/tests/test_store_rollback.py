"""A batch that is not loaded to its end leaves nothing."""

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


class TheirOwnError(Exception):
    """An error that nobody here knows."""


@pytest.fixture(params=["new", "used"])
def store(request, store):
    """A store, before and after its first batch."""
    if request.param == "used":
        store.load(B, ONE, SKIP)
    return store


@pytest.fixture
def assert_nothing_left(store, ask, files):
    """Nothing of a batch is left: no record, no journal, no connection, no lock, no id."""
    before = files(store.path.parent).get("pipeline.db")
    expected = 2 if before else 1

    def check():
        left = files(store.path.parent)
        assert ["pipeline.db"] == list(left)
        assert before in (None, left["pipeline.db"])
        assert [("ok",)] == ask(store.path, "PRAGMA integrity_check")
        assert str(store.path) not in map(os.path.realpath, Path("/proc/self/fd").iterdir())
        assert Loaded(expected, 2) == store.load(A, [SMALL], SKIP)
        assert [(expected + 1,)] == ask(store.path, "SELECT count(*) FROM processed_records")

    return check


@pytest.mark.parametrize("records", [[], SMALL, LARGE], ids=["first", "small", "large"])
@pytest.mark.parametrize(
    "error",
    [
        TheirOwnError("x"),
        InputError("input.hash", "x"),
        KeyboardInterrupt(),
        SystemExit(143),
        StopAsyncIteration(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_iterator_passes_through(store, assert_nothing_left, records, error):
    """As it is: the job that made the iterator knows what it means."""

    def chunks():
        yield records
        yield [Record(10_000, "z")]
        raise error

    with pytest.raises(type(error)) as caught:
        store.load(A, chunks(), SKIP)

    assert error is caught.value
    assert error.__cause__ is None
    assert_nothing_left()


def test_what_is_refused_with_its_first_chunk_makes_no_database(store, files):
    """Most documents are one chunk: one that does not add up leaves the folder as it was."""
    before = files(store.path.parent)

    def chunks():
        yield SMALL
        raise TheirOwnError("x")

    with pytest.raises(TheirOwnError):
        store.load(A, chunks(), SKIP)

    assert before == files(store.path.parent)


TABLE = "processed_records"


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
        ([SMALL, [Record(3, None)]], f"NOT NULL constraint failed: {TABLE}.content"),
    ],
)
def test_records_that_the_file_refuses_are_an_error(store, assert_nothing_left, chunks, text):
    """What makes records for jobs has checked them; this is about a custom iterator."""
    with pytest.raises(DatabaseError) as caught:
        store.load(A, chunks, SKIP)

    assert ("database.failed", f"{store.path}: {text}", False) == (
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
def test_what_is_no_record_at_all_is_a_bug(store, assert_nothing_left, record, error):
    """Python's own error says so, and is not taken for one of the database."""
    with pytest.raises(error):
        store.load(A, [SMALL, [record]], SKIP)

    assert_nothing_left()


@pytest.mark.parametrize("records", [SMALL, LARGE], ids=["small", "large"])
def test_a_process_that_is_killed_leaves_nothing(store, ask, files, records):
    """What was written by then is undone by whoever opens the file next."""
    had_one = store.path.exists()
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

    expected = 2 if had_one else 1
    assert Loaded(expected, 2) == store.load(A, [SMALL], SKIP)
    assert [(expected + 1,)] == ask(store.path, "SELECT count(*) FROM processed_records")
    assert [("ok",)] == ask(store.path, "PRAGMA integrity_check")
    assert ["pipeline.db"] == list(files(store.path.parent))


def test_a_duplicate_leaves_the_file_as_it_is(store, files):
    """Its records are loaded to learn their hash, and rolled back."""
    loaded = store.load(A, [LARGE], SKIP)
    before = files(store.path.parent)
    assert loaded.batch_id == store.load(A, [LARGE], SKIP).batch_id
    assert before == files(store.path.parent)

    assert Finalized(loaded.batch_id, len(LARGE)) == store.finalize(loaded.batch_id)
    before = files(store.path.parent)
    assert loaded.batch_id == store.load(A, [LARGE], SKIP).batch_id
    assert before == files(store.path.parent)
