"""Batches and records, read back through the store and with Peewee, from SQLite and PostgreSQL."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from peewee import Model, TextField

from pipeline_db import Batch, DatabaseError, PeeweeStore, ProcessedRecord, ProcessingBatch
from pipeline_db import store as store_module
from pipeline_jobs import BatchError, BatchId, OnDuplicate, Record, Source

RECORDS = [Record(1, "one"), Record(3, "three"), Record(7, "sev\N{LATIN SMALL LETTER E WITH ACUTE}n")]


def load(store, name="x.txt", records=RECORDS):
    return store.load(Source(f"file:///{name}", name), [records], OnDuplicate.SKIP).batch_id


def test_batches_are_listed_with_their_times(store):
    first, second = load(store), load(store, "y.txt", [])
    store.finalize(first)

    finalized, loaded = store.batches()

    assert Batch(first, "file:///x.txt", "x.txt", 3, "finalized", *finalized[5:8]) == finalized
    assert (second, 0, "loaded", None, None) == (loaded.id, loaded.record_count, loaded.status, *loaded[-2:])
    assert isinstance(finalized.id, BatchId)
    for time in (finalized.created_at, finalized.finalized_at, loaded.created_at):
        assert timedelta(0) <= datetime.now(UTC) - time < timedelta(hours=1)


def test_records_come_in_the_order_of_their_lines(store, monkeypatch):
    """Also if they are read in several pages."""
    monkeypatch.setattr(store_module, "_PAGE", 2)
    load(store, "other.txt", [Record(1, "other")])
    batch_id = load(store)

    assert RECORDS == list(store.records(batch_id))


def test_an_empty_batch_has_no_records(store):
    assert [] == list(store.records(load(store, records=[])))


def test_a_missing_batch_is_an_error(store):
    load(store)

    with pytest.raises(BatchError, match=r"^no batch with id 7 in ") as caught:
        list(store.records(7))

    assert ("batch.not_found", 7) == (caught.value.code, caught.value.batch_id)


def test_a_missing_database_has_no_batches(store):
    assert [] == store.batches()
    with pytest.raises(BatchError, match=r"^no batch with id 1 in "):
        list(store.records(1))


def test_reading_creates_no_file(sqlite_store):
    sqlite_store.batches()

    assert not sqlite_store.path.exists()


def test_a_database_of_another_program_is_refused(sqlite_store):
    with closing(sqlite3.connect(sqlite_store.path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")

    for read in (
        sqlite_store.batches,
        lambda: list(sqlite_store.records(1)),
        sqlite_store.database().__enter__,
    ):
        with pytest.raises(DatabaseError, match="belongs to another program"):
            read()


def test_no_lock_is_held_between_two_pages(store, monkeypatch):
    """Whoever works on records for an hour stops no writer, not even one that hardly waits."""
    monkeypatch.setattr(store_module, "_PAGE", 1)
    records = store.records(load(store))
    next(records)

    load(PeeweeStore(store.place, busy_timeout=0.001), "y.txt")

    assert RECORDS[1:] == list(records)


def test_a_query_of_ones_own_needs_no_database_named(store):
    batch_id = load(store)

    with store.database() as database:
        contents = [row.content for row in ProcessedRecord.select().order_by(ProcessedRecord.line_number)]
        batch = ProcessingBatch.get_by_id(batch_id)

    assert [record.content for record in RECORDS] == contents
    assert "x.txt" == batch.source_name
    assert database.is_closed()
    assert ProcessedRecord._meta.database is None


def test_a_model_of_ones_own_is_bound_for_the_block(store):
    class Total(Model):
        name = TextField()

    load(store)

    with store.database(Total):
        Total.create_table()
        Total.create(name="words")
        names = [total.name for total in Total.select()]
        records = ProcessedRecord.select().count()

    assert (["words"], 3) == (names, records)
    assert Total._meta.database is None


def test_a_table_of_ones_own_can_be_kept_beside_the_batches(store):
    """The tables of batches are made first if there are none: a later load finds its database."""
    with store.database() as database:
        database.execute_sql("CREATE TABLE totals (name TEXT, number INTEGER)")
        database.execute_sql("INSERT INTO totals VALUES ('words', 7)")

    load(store)

    with store.database() as database:
        assert [("words", 7)] == list(database.execute_sql("SELECT name, number FROM totals"))
        assert 3 == ProcessedRecord.select().count()
