"""Who waits for whom on a server: writers of one source, and nobody else."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import Finalized, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
CHUNKS = [[Record(1, "x")], [Record(2, "y")], [Record(3, "z")]]
SKIP = OnDuplicate.SKIP


@pytest.fixture
def held(postgres_store):
    """Load a source in another thread, and hold it in the middle until told to go on."""
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


def test_another_source_does_not_wait(postgres_store, held):
    """Not even in a database where the one that is held has just made the schema."""
    loading, go = held
    impatient = PeeweeStore(postgres_store.place, busy_timeout=1)

    loaded = [impatient.load(Source(f"file:///{n}", "x"), CHUNKS, SKIP) for n in range(3)]
    finalized = [impatient.finalize(each.batch_id) for each in loaded]

    assert [Finalized(each.batch_id, 3) for each in loaded] == finalized
    assert not loading.done()
    go.set()
    assert 3 == loading.result().record_count


def test_the_same_source_waits_and_finds_the_batch(postgres_store, held):
    loading, go = held
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(postgres_store.load, A, CHUNKS, SKIP)
        time.sleep(0.3)
        assert not second.done()
        go.set()

        assert (loading.result().batch_id, True) == (second.result().batch_id, second.result().resumed)


@pytest.mark.parametrize("busy_timeout", [0, 0.3])
def test_the_wait_has_an_end(postgres_store, held, busy_timeout):
    """And is not tried again: the timeout is the whole of it."""
    impatient = PeeweeStore(postgres_store.place, busy_timeout=busy_timeout)
    start = time.monotonic()

    with pytest.raises(DatabaseError) as caught:
        impatient.load(A, CHUNKS, SKIP)

    text = f"{postgres_store.place}: in use by another process for over {busy_timeout:g} s; try again later, "
    assert ("database.busy", f"{text}or wait longer with --busy-timeout", False) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )
    assert busy_timeout <= time.monotonic() - start < 20


def test_two_schemas_of_one_database_do_not_wait_for_each_other(postgres_store, held, postgres_server, ask):
    ask(postgres_store, "CREATE SCHEMA beside")
    try:
        joint = "&" if "?" in postgres_server else "?"
        beside = PeeweeStore(f"{postgres_server}{joint}options=-csearch_path%3Dbeside", busy_timeout=1)
        assert 3 == beside.load(A, CHUNKS, SKIP).record_count
    finally:
        ask(postgres_store, "DROP SCHEMA beside CASCADE")
