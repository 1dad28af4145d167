"""Many loads at once, in threads and in processes, into one database and into several."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from pipeline_db import PeeweeStore
from pipeline_jobs import Finalized, OnDuplicate, Record, Source
from pipeline_jobs.documents.records import Chunk

MANY = 8
CHUNKS = [Chunk([Record(1, "x"), Record(2, "y")]), Chunk([Record(3, "z")])]


@pytest.fixture
def processes():
    """A pool of processes that start to work when all of them have started."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(MANY)
    with ProcessPoolExecutor(MANY, mp_context=context, initializer=barrier.wait) as pool:
        yield pool


@pytest.fixture
def threads():
    with ThreadPoolExecutor(MANY) as pool:
        yield pool


@pytest.fixture(params=["processes", "threads"])
def workers(request):
    return request.getfixturevalue(request.param)


def test_many_sources_at_once_are_as_many_batches(store, workers, ask):
    """In a database that does not exist before."""
    sources = [Source(f"file:///{number}", str(number)) for number in range(MANY)]
    loading = [workers.submit(store.load, source, CHUNKS, OnDuplicate.ERROR) for source in sources]
    loaded = [each.result() for each in loading]
    finalizing = [workers.submit(store.finalize, each.batch_id) for each in loaded]

    assert {Finalized(each.batch_id, 3) for each in loaded} == {each.result() for each in finalizing}
    assert list(range(1, MANY + 1)) == sorted(each.batch_id for each in loaded)
    assert [(3 * MANY,)] == ask(store, "SELECT count(*) FROM finalized_records")
    if store.path:
        assert [("ok",)] == ask(store, "PRAGMA integrity_check")


def test_the_same_source_many_times_at_once_is_one_batch(store, workers, ask):
    """One of them loads it, and the others find it."""
    source = Source("file:///a", "a")
    loading = [workers.submit(store.load, source, CHUNKS, OnDuplicate.LOAD) for _ in range(MANY)]
    loaded = Counter((each.result().batch_id, each.result().resumed) for each in loading)

    assert {(1, False): 1, (1, True): MANY - 1} == loaded
    assert [(3,)] == ask(store, "SELECT count(*) FROM processed_records")


def test_one_batch_is_finalized_once(store, workers):
    store.load(Source("file:///a", "a"), CHUNKS, OnDuplicate.SKIP)

    finalizing = [workers.submit(store.finalize, 1) for _ in range(MANY)]

    assert {False: 1, True: MANY - 1} == Counter(each.result().already for each in finalizing)


def test_stores_in_one_process_write_only_into_their_own_database(tmp_path, threads, ask):
    """Peewee's own binding of a model to a database would hold for all threads."""
    stores = [PeeweeStore(tmp_path / f"{number}.db") for number in range(MANY)]

    def fill(number):
        for part in range(10):
            source = Source(f"file:///{number}/{part}", "x")
            loaded = stores[number].load(source, [[Record(part + 1, str(number))]], OnDuplicate.SKIP)
            stores[number].finalize(loaded.batch_id)

    list(threads.map(fill, range(MANY)))

    for number, store in enumerate(stores):
        expected = [(part + 1, f"file:///{number}/{part}", part + 1, str(number)) for part in range(10)]
        assert expected == ask(store, "SELECT * FROM finalized_records ORDER BY batch_id")


def test_loads_of_two_stores_in_one_thread_may_be_interleaved(tmp_path, ask):
    first, second = PeeweeStore(tmp_path / "1.db"), PeeweeStore(tmp_path / "2.db")
    source = Source("file:///a", "a")

    def chunks():
        yield [Record(1, "outer")]
        second.finalize(second.load(source, [[Record(1, "inner")]], OnDuplicate.SKIP).batch_id)
        yield [Record(2, "outer")]

    first.load(source, chunks(), OnDuplicate.SKIP)

    assert [("outer",), ("outer",)] == ask(first.path, "SELECT content FROM processed_records")
    assert [("inner",)] == ask(second.path, "SELECT content FROM processed_records")
