"""The models match the tables that the migrations create."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import IntegrityError, SqliteDatabase

from pipeline_db import ProcessedRecord, ProcessingBatch, RejectedRecord
from pipeline_db.models import UtcField
from pipeline_db.sqlite.migrations import migrate
from pipeline_jobs import OnDuplicate, Source

NOW = datetime(2026, 11, 23, 22, 1, 2, 345678, UTC)
BATCH = {
    "source": "file:///a",
    "source_name": "a",
    "records_sha256": "",
    "record_count": 0,
    "status": "loaded",
    "created_at": NOW,
}


@pytest.fixture
def database(tmp_path):
    """A SQLite database with the current schema."""
    database = SqliteDatabase(str(tmp_path / "p.db"), pragmas={"foreign_keys": 1})
    with database.connection_context(), database.atomic():
        migrate(database.connection(), Path(database.database))
        yield database


def describe(model):
    """Return name, nullability and membership in the primary key of each column."""
    keys = {field.name for field in model._meta.get_primary_keys()}
    return [(field.column_name, field.null, field.name in keys) for field in model._meta.sorted_fields]


@pytest.mark.parametrize("model", [ProcessingBatch, ProcessedRecord, RejectedRecord])
def test_a_model_matches_its_table_in_sqlite(database, model):
    """The tables are created by frozen SQL, so only this test keeps the models equal to them."""
    columns = database.execute_sql(f"PRAGMA table_info({model._meta.table_name})").fetchall()

    expected = [(name, not required and not key, bool(key)) for _, name, _, required, _, key in columns]
    assert expected == describe(model)


@pytest.mark.parametrize("model", [ProcessingBatch, ProcessedRecord, RejectedRecord])
def test_a_model_matches_its_table_in_postgresql(postgres_store, ask, model):
    postgres_store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)
    columns = """
        SELECT attname, NOT attnotnull, EXISTS (
            SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey)
        )
        FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 ORDER BY attnum
    """

    assert ask(postgres_store, columns.format(model._meta.table_name)) == describe(model)


def test_a_record_refers_to_its_batch(database):
    expected = [
        (key.column, key.dest_table, key.dest_column)
        for key in database.get_foreign_keys("processed_records")
    ]
    field = ProcessedRecord.batch

    assert expected == [(field.column_name, field.rel_model._meta.table_name, field.rel_field.column_name)]


def test_models_are_bound_to_no_database():
    """A binding would hold for all threads: with two databases, one would write into the other."""
    assert [None, None, None] == [
        model._meta.database for model in (ProcessingBatch, ProcessedRecord, RejectedRecord)
    ]


def test_models_read_back_what_they_wrote(database):
    batch_id = ProcessingBatch.insert(BATCH, run_id="r1").execute(database)
    ProcessedRecord.insert(batch=batch_id, line_number=2**63 - 1, content="größe\x85").execute(database)

    batch = ProcessingBatch.select().get(database)
    record = ProcessedRecord.select().get(database)

    lines = {"target": "processed_records", "schema_name": None, "schema_fingerprint": None}
    lines |= dict.fromkeys(["read_count", "rejected_count", "blank_count", "dropped_count"])
    assert {**BATCH, **lines, "id": 1, "run_id": "r1", "finalized_at": None} == batch.__data__
    assert (1, 2**63 - 1, "größe\x85") == (record.batch_id, record.line_number, record.content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "done"}, "status IN ('loaded', 'finalized')"),
        ({"record_count": -1}, "record_count >= 0"),
        ({"status": "finalized"}, "(status = 'finalized') = (finalized_at IS NOT NULL)"),
        ({"finalized_at": NOW}, "(status = 'finalized') = (finalized_at IS NOT NULL)"),
    ],
)
def test_a_contradictory_batch_is_rejected(database, change, message):
    """By the database itself, whatever program writes to it."""
    with pytest.raises(IntegrityError) as caught:
        ProcessingBatch.insert(BATCH | change).execute(database)

    assert f"CHECK constraint failed: {message}" == str(caught.value.orig)


SUMS = {"read_count": 6, "record_count": 1, "rejected_count": 2, "blank_count": 3, "dropped_count": 0}


def test_sums_that_add_up_are_accepted(database):
    ProcessingBatch.insert(BATCH | SUMS).execute(database)

    (batch,) = (
        ProcessingBatch.select(*(getattr(ProcessingBatch, name) for name in SUMS)).dicts().execute(database)
    )
    assert SUMS == batch


@pytest.mark.parametrize(
    "change",
    [{"read_count": 7}, {"record_count": 2}, {"dropped_count": -1, "blank_count": 4}]
    + [{name: None} for name in SUMS if name != "record_count"],
    ids=str,
)
def test_sums_that_do_not_add_up_are_rejected(database, change):
    """By the database itself: all four counts, or none."""
    with pytest.raises(IntegrityError, match="CHECK constraint failed"):
        ProcessingBatch.insert(BATCH | SUMS | change).execute(database)


def test_foreign_keys_are_enforced(database):
    """A record needs a batch, and a batch with records cannot be deleted."""
    batch_id = ProcessingBatch.insert(BATCH).execute(database)
    ProcessedRecord.insert(batch=batch_id, line_number=1, content="x").execute(database)

    for query in (
        ProcessedRecord.insert(batch=2, line_number=1, content="x"),
        ProcessingBatch.delete().where(ProcessingBatch.id == batch_id),
    ):
        with pytest.raises(IntegrityError, match="FOREIGN KEY constraint failed"):
            query.execute(database)


@given(
    st.datetimes(
        datetime(1900, 1, 1),  # noqa: DTZ001  # Hypothesis adds the zone
        datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))),
    )
)
def test_a_time_is_read_back_in_utc(time):
    """Whatever its time zone was."""
    field = UtcField()
    database = SqliteDatabase(":memory:")
    with database.connection_context():
        (stored,) = database.execute_sql("SELECT ?", [field.db_value(time)]).fetchone()

    assert time == field.python_value(stored)
    assert UTC == field.python_value(stored).tzinfo


def test_a_time_is_stored_without_an_offset(database):
    """So SQLite's functions can read it, and the order of texts is the order of times."""
    time = NOW.astimezone(timezone(timedelta(hours=-5)))
    ProcessingBatch.insert(BATCH | {"created_at": time}).execute(database)

    stored = database.execute_sql(
        "SELECT created_at, datetime(created_at) FROM processing_batches"
    ).fetchone()

    assert ("2026-11-23 22:01:02.345678", "2026-11-23 22:01:02") == stored


def test_a_missing_time_stays_none():
    assert (None, None) == (UtcField().db_value(None), UtcField().python_value(None))
