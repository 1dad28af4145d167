"""Finalizing a batch."""

from datetime import UTC, datetime

import pytest

from pipeline_jobs import BatchError, Finalized, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
ONE = [[Record(1, "x"), Record(3, "y")]]
SKIP = OnDuplicate.SKIP


def test_finalizing_twice_changes_nothing(store, read_everything):
    store.load(A, ONE, SKIP)
    assert Finalized(1, 2) == store.finalize(1)
    before = read_everything(store)

    assert Finalized(1, 2, already=True) == store.finalize(1)
    assert before == read_everything(store)


@pytest.mark.parametrize("batch_id", [0, -1, 2, 2**63 - 1])
def test_an_unknown_batch_is_an_error(store, read_everything, batch_id):
    store.load(A, ONE, SKIP)
    before = read_everything(store)

    with pytest.raises(BatchError) as caught:
        store.finalize(batch_id)

    assert (
        "batch.not_found",
        f"no batch with id {batch_id} in {getattr(store.place, 'shown', store.place)}",
        batch_id,
    ) == (
        caught.value.code,
        str(caught.value),
        caught.value.batch_id,
    )
    assert before == read_everything(store)


@pytest.mark.parametrize(
    ("statement", "count"),
    [
        ("DELETE FROM processed_records WHERE batch_id = 1 AND line_number = 3", 1),
        ("INSERT INTO processed_records VALUES (1, 2, 'z')", 3),
    ],
)
def test_a_batch_with_a_wrong_number_of_records_is_not_finalized(store, ask, statement, count, read_batch):
    store.load(A, ONE, SKIP)
    store.load(B, ONE, SKIP)
    ask(store, statement)

    with pytest.raises(BatchError) as caught:
        store.finalize(1)

    text = f"batch 1 holds {count} records, but 2 were loaded; another program changed it, restore a backup"
    assert ("batch.count_mismatch", text, 1) == (
        caught.value.code,
        str(caught.value),
        caught.value.batch_id,
    )
    assert "loaded" == read_batch(store, 1).status
    assert Finalized(2, 2) == store.finalize(2)


def test_times_are_stored_in_utc(store, read_batch):
    before = datetime.now(UTC)
    store.load(A, ONE, SKIP)
    between = datetime.now(UTC)
    store.finalize(1)
    after = datetime.now(UTC)

    batch = read_batch(store, 1)

    assert before <= batch.created_at <= between <= batch.finalized_at <= after
    assert [UTC, UTC] == [batch.created_at.tzinfo, batch.finalized_at.tzinfo]
