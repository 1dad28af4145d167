"""What a batch is, and when it is the same one."""

import hashlib
import pickle

import pytest

from pipeline_db import BUSY_TIMEOUT, PeeweeStore
from pipeline_db.sqlite import Connection
from pipeline_jobs import BatchError, Finalized, Loaded, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b\n")
ONE, OTHER = [[Record(1, "x"), Record(3, "y")]], [[Record(1, "x"), Record(2, "y")]]
SKIP, LOAD, ERROR = OnDuplicate


def test_a_batch_is_kept(store, ask, batch_of):
    assert Loaded(1, 2) == store.load(A, ONE, SKIP)

    assert [(1, 1, "x"), (1, 3, "y")] == ask(store, "SELECT * FROM processed_records")
    kept = batch_of(store, 1)
    assert ("file:///a", "a", 2, "loaded", None) == (
        kept.source,
        kept.source_name,
        kept.record_count,
        kept.status,
        kept.run_id,
    )


def test_the_records_hash_is_that_of_their_canonical_form(store, batch_of):
    """As a document's `records_sha256` is, so that anybody can compare the two."""
    store.load(A, ONE, SKIP)

    canonical = b'{"line_number":1,"content":"x"},\n{"line_number":3,"content":"y"}'
    assert hashlib.sha256(canonical).hexdigest() == batch_of(store, 1).records_sha256


@pytest.mark.parametrize("chunks", [[], [[]], [[], []], iter(())])
def test_a_batch_of_no_records_is_one(store, chunks):
    assert Loaded(1, 0) == store.load(A, chunks, SKIP)
    assert Finalized(1, 0) == store.finalize(1)


def test_chunks_make_no_difference(store):
    """However the records come, they are the same batch."""
    first, second = ONE[0]
    for chunks in (ONE, [[first], [second]], [[], [first], [], [second]], iter(([first], [second]))):
        assert 1 == store.load(A, chunks, SKIP).batch_id


@pytest.mark.parametrize("on_duplicate", OnDuplicate)
def test_an_unfinished_batch_is_resumed_whatever_is_asked_for(store, on_duplicate, ask):
    store.load(A, ONE, SKIP)

    assert Loaded(1, 2, resumed=True) == store.load(A, ONE, on_duplicate)
    assert [(2,)] == ask(store, "SELECT count(*) FROM processed_records")


def test_a_finalized_batch_is_skipped_loaded_or_refused(store):
    store.load(A, ONE, SKIP)
    store.finalize(1)

    assert Loaded(1, 2, duplicate=True) == store.load(A, ONE, SKIP)
    assert Loaded(2, 2) == store.load(A, ONE, LOAD)
    store.finalize(2)
    with pytest.raises(BatchError) as caught:
        store.load(A, ONE, ERROR)

    assert ("batch.duplicate", "a: batch 2 holds these records already", 2, False) == (
        caught.value.code,
        str(caught.value),
        caught.value.batch_id,
        caught.value.retriable,
    )


def test_of_several_duplicates_the_newest_serves(store):
    for expected in (1, 2, 3):
        assert Loaded(expected, 2) == store.load(A, ONE, LOAD)
        store.finalize(expected)

    assert Loaded(3, 2, duplicate=True) == store.load(A, ONE, SKIP)


@pytest.mark.parametrize("on_duplicate", OnDuplicate)
def test_an_unfinished_batch_comes_before_a_newer_finalized_one(store, on_duplicate, ask):
    """As a batch of an earlier time may be, left over while a later one was finalized."""
    for _ in range(2):
        store.finalize(store.load(A, ONE, LOAD).batch_id)
    ask(store, "UPDATE processing_batches SET status = 'loaded', finalized_at = NULL WHERE id = 1")

    assert Loaded(1, 2, resumed=True) == store.load(A, ONE, on_duplicate)


def test_other_records_are_another_batch(store):
    """A line number is part of a record, as its text is."""
    assert Loaded(1, 2) == store.load(A, ONE, ERROR)
    assert Loaded(2, 2) == store.load(A, OTHER, ERROR)
    assert Loaded(3, 1) == store.load(A, [ONE[0][:1]], ERROR)


def test_equal_records_of_two_sources_are_two_batches(store):
    assert Loaded(1, 2) == store.load(A, ONE, ERROR)
    assert Loaded(2, 2) == store.load(B, ONE, ERROR)


def test_a_source_is_its_uri(store):
    """The name is for people, and so are size and hash of the file."""
    store.load(A, ONE, SKIP)

    assert 1 == store.load(Source(A.uri, "other name", 7, "f" * 64), ONE, SKIP).batch_id


def test_a_name_is_shown_escaped(store):
    store.finalize(store.load(B, ONE, SKIP).batch_id)

    with pytest.raises(BatchError, match=r"^b\\n: batch 1 holds these records already$"):
        store.load(B, ONE, ERROR)


def test_a_run_is_noted_on_the_batches_it_loaded(store, batch_of):
    """And on those alone: one that it resumed stays that of the first."""
    for run_id in ("first", "second"):
        PeeweeStore(store.place, run_id=run_id).load(A, ONE, SKIP)

    assert "first" == batch_of(store, 1).run_id


def test_a_store_can_be_sent_to_another_process(store):
    copy = pickle.loads(pickle.dumps(PeeweeStore(store.place, busy_timeout=1.5, run_id="r")))
    copy.load(A, ONE, SKIP)

    assert (store.place, 1.5, "r") == (copy.place, copy.busy_timeout, copy.run_id)
    assert Finalized(1, 2) == store.finalize(1)


def test_a_path_becomes_absolute_at_once(tmp_path, monkeypatch):
    """Whoever changes the current folder later means the same database."""
    monkeypatch.chdir(tmp_path)

    assert (tmp_path / "p.db", BUSY_TIMEOUT) == (PeeweeStore("p.db").path, PeeweeStore("p.db").busy_timeout)


def test_a_batch_takes_few_statements(sqlite_store, monkeypatch):
    """What a run of many files spends on each; a number of statements does not vary, as seconds do."""
    sqlite_store.load(A, ONE, SKIP)
    statements = []
    connect = Connection.__init__

    def traced(connection, *arguments):
        connect(connection, *arguments)
        connection.driver.set_trace_callback(statements.append)

    monkeypatch.setattr(Connection, "__init__", traced)
    loaded = sqlite_store.load(A, [[Record(n, f"{n}") for n in range(1, 5001)]], SKIP)
    sqlite_store.finalize(loaded.batch_id)

    words = [statement.split()[0] for statement in statements if not statement.startswith("PRAGMA")]
    assert ["BEGIN", "SELECT", "INSERT", "INSERT", "COMMIT"] == words[:5]
    assert ["BEGIN", "SELECT", "SELECT", "UPDATE", "COMMIT"] == words[5:10]
    assert 31 >= len(statements)
