"""Advisory locks: only writers of the same source wait for each other."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import Finalized, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
CHUNKS = [[Record(1, "x")], [Record(2, "y")], [Record(3, "z")]]
SKIP = OnDuplicate.SKIP
WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def paused(postgres_store):
    """Load a source in another thread, paused in the middle until an event is set."""
    reached, go = threading.Event(), threading.Event()

    def chunks():
        yield from CHUNKS[:2]
        reached.set()
        assert go.wait(60)
        yield CHUNKS[2]

    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(postgres_store.load, A, chunks(), SKIP)
        assert reached.wait(60)
        try:
            yield loading, go
        finally:
            go.set()


def test_another_source_does_not_wait(postgres_store, paused):
    """Not even for a load that has just created the schema."""
    loading, go = paused
    other = PeeweeStore(postgres_store.place, busy_timeout=1)

    loaded = [other.load(Source(f"file:///{n}", "x"), CHUNKS, SKIP) for n in range(3)]
    finalized = [other.finalize(each.batch_id) for each in loaded]

    assert [Finalized(each.batch_id, 3) for each in loaded] == finalized
    assert not loading.done()
    go.set()
    assert 3 == loading.result().record_count


def test_the_same_source_waits_and_finds_the_batch(postgres_store, paused, ask):
    loading, go = paused
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(postgres_store.load, A, CHUNKS, SKIP)
        while not ask(postgres_store, WAITING):
            assert not second.done()
            time.sleep(0.01)
        go.set()

        assert (loading.result().batch_id, True) == (second.result().batch_id, second.result().resumed)


@pytest.mark.parametrize("busy_timeout", [0, 0.1])
def test_the_wait_ends_with_the_timeout(postgres_store, paused, busy_timeout):
    """The error is not retriable: the whole timeout has been waited already."""
    other = PeeweeStore(postgres_store.place, busy_timeout=busy_timeout)

    start = time.monotonic()
    with pytest.raises(DatabaseError) as caught:
        other.load(A, CHUNKS, SKIP)

    assert busy_timeout <= time.monotonic() - start

    text = f"{postgres_store.place.shown}: in use by another process for over {busy_timeout:g} s; "
    assert ("database.busy", f"{text}try again later, or wait longer with --busy-timeout", False) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )


def test_two_schemas_of_one_database_do_not_wait_for_each_other(postgres_store, paused, postgres_server, ask):
    ask(postgres_store, "CREATE SCHEMA beside")
    try:
        separator = "&" if "?" in postgres_server else "?"
        beside = PeeweeStore(f"{postgres_server}{separator}options=-csearch_path%3Dbeside", busy_timeout=1)
        assert 3 == beside.load(A, CHUNKS, SKIP).record_count
    finally:
        ask(postgres_store, "DROP SCHEMA beside CASCADE")
