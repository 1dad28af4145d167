"""The identity of a batch, and what a duplicate does."""

import hashlib
import pickle

import pytest

from pipeline_db import PeeweeStore
from pipeline_db.sqlite.exceptions import DRIVER
from pipeline_db.store import BUSY_TIMEOUT
from pipeline_jobs import BatchError, Finalized, Loaded, OnDuplicate, Record, Source
from pipeline_jobs.testing import StoreContract

A, B = Source("file:///a", "a"), Source("file:///b", "b\n")
ONE, OTHER = [[Record(1, "x"), Record(3, "y")]], [[Record(1, "x"), Record(2, "y")]]
SKIP, LOAD, ERROR = OnDuplicate


@pytest.mark.parametrize("kind", ["sqlite", "postgres"], indirect=True)
class TestStore(StoreContract):
    """The contract of every store."""

    @pytest.fixture(autouse=True)
    def _set_up(self, kind, request):
        self.store = request.getfixturevalue(f"{kind}_store")

    def build(self):
        return self.store

    def reopen(self, store):
        return PeeweeStore(store.place)

    def read(self, store, batch_id):
        return [*store.records(batch_id)]


def test_a_batch_is_stored(store, ask, read_batch):
    assert Loaded(1, 2) == store.load(A, ONE, SKIP)

    assert [(1, 1, "x"), (1, 3, "y")] == ask(store, "SELECT * FROM processed_records")
    batch = read_batch(store, 1)
    assert ("file:///a", "a", 2, "loaded", None) == (
        batch.source,
        batch.source_name,
        batch.record_count,
        batch.status,
        batch.run_id,
    )


def test_the_records_hash_is_computed_from_their_canonical_form(store, read_batch):
    """Like `records_sha256` in a document, so that the two can be compared."""
    store.load(A, ONE, SKIP)

    canonical = b'{"line_number":1,"content":"x"},\n{"line_number":3,"content":"y"}'
    assert hashlib.sha256(canonical).hexdigest() == read_batch(store, 1).records_sha256


@pytest.mark.parametrize("on_duplicate", OnDuplicate)
def test_an_unfinished_batch_is_preferred_to_a_newer_finalized_one(store, on_duplicate, ask):
    """It may be left over from an earlier run, while a later one was finalized."""
    for _ in range(2):
        store.finalize(store.load(A, ONE, LOAD).batch_id)
    ask(store, "UPDATE processing_batches SET status = 'loaded', finalized_at = NULL WHERE id = 1")

    assert Loaded(1, 2, resumed=True) == store.load(A, ONE, on_duplicate)


def test_a_name_is_escaped_in_messages(store):
    store.finalize(store.load(B, ONE, SKIP).batch_id)

    with pytest.raises(BatchError, match=r"^b\\n: batch 1 holds these records already$"):
        store.load(B, ONE, ERROR)


def test_the_run_id_is_stored_with_the_batches_that_the_run_loaded(store, read_batch):
    """A resumed batch keeps the id of the first run."""
    for run_id in ("first", "second"):
        PeeweeStore(store.place, run_id=run_id).load(A, ONE, SKIP)

    assert "first" == read_batch(store, 1).run_id


def test_a_store_can_be_sent_to_another_process(store):
    copy = pickle.loads(pickle.dumps(PeeweeStore(store.place, busy_timeout=1.5, run_id="r")))
    copy.load(A, ONE, SKIP)

    assert (store.place, 1.5, "r") == (copy.place, copy.busy_timeout, copy.run_id)
    assert Finalized(1, 2) == store.finalize(1)


def test_a_path_becomes_absolute_at_once(tmp_path, monkeypatch):
    """A later change of the current folder does not change the database."""
    monkeypatch.chdir(tmp_path)

    assert (tmp_path / "p.db", BUSY_TIMEOUT) == (PeeweeStore("p.db").path, PeeweeStore("p.db").busy_timeout)


def test_a_batch_takes_few_statements(sqlite_store, monkeypatch):
    """A run of many files executes them for each; unlike seconds, their number does not vary."""
    sqlite_store.load(A, ONE, SKIP)
    statements = []
    connect = DRIVER.connect

    def connect_traced(*arguments, **named):
        connection = connect(*arguments, **named)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(DRIVER, "connect", connect_traced)
    loaded = sqlite_store.load(A, [[Record(n, f"{n}") for n in range(1, 5001)]], SKIP)
    sqlite_store.finalize(loaded.batch_id)

    opening = ["PRAGMA", "SELECT", "PRAGMA", "PRAGMA", "BEGIN", "SELECT"]
    words = [statement.split()[0] for statement in statements if statement.split()[0] != "--"]
    assert [*opening, "SELECT", "INSERT", "INSERT", "COMMIT"] == words[:10]
    assert [*opening, "SELECT", "SELECT", "UPDATE", "COMMIT"] == words[10:]
