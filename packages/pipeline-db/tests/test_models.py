"""Peewee's view of the tables is the one that the files have."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import IntegrityError, SqliteDatabase

from pipeline_db import ProcessedRecord, ProcessingBatch
from pipeline_db.models import UtcField
from pipeline_db.sqlite import Connection, create

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
    """A database of the present schema, open for writing."""
    create(tmp_path / "p.db")
    with Connection(tmp_path / "p.db", 1) as connection, connection.writing():
        yield connection.database


@pytest.mark.parametrize("model", [ProcessingBatch, ProcessedRecord])
def test_a_model_has_the_columns_of_its_table(database, model):
    """The tables are made by the steps of the schema, so nothing else keeps the models from drifting away."""
    columns = database.execute_sql(f"PRAGMA table_info({model._meta.table_name})").fetchall()
    expected = [(name, not required and not key, bool(key)) for _, name, _, required, _, key in columns]
    keys = {field.name for field in model._meta.get_primary_keys()}
    fields = model._meta.sorted_fields

    assert expected == [(field.column_name, field.null, field.name in keys) for field in fields]


def test_a_record_refers_to_its_batch(database):
    expected = [
        (key.column, key.dest_table, key.dest_column)
        for key in database.get_foreign_keys("processed_records")
    ]
    field = ProcessedRecord.batch

    assert expected == [(field.column_name, field.rel_model._meta.table_name, field.rel_field.column_name)]


def test_models_are_bound_to_no_database():
    """A binding would be one for all threads: two databases in one process would write into each other."""
    assert [None, None] == [model._meta.database for model in (ProcessingBatch, ProcessedRecord)]


def test_models_read_what_they_wrote(database):
    batch_id = ProcessingBatch.insert(BATCH, run_id="r1").execute(database)
    ProcessedRecord.insert(batch=batch_id, line_number=2**63 - 1, content="größe\x85").execute(database)

    batch = ProcessingBatch.select().get(database)
    record = ProcessedRecord.select().get(database)

    assert {**BATCH, "id": 1, "run_id": "r1", "finalized_at": None} == batch.__data__
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
def test_a_batch_that_contradicts_itself_is_refused(database, change, message):
    """By the file itself, whoever writes to it."""
    with pytest.raises(IntegrityError) as caught:
        ProcessingBatch.insert(BATCH | change).execute(database)

    assert f"CHECK constraint failed: {message}" == str(caught.value.orig)


def test_foreign_keys_are_enforced(database):
    """A record has a batch, and a batch with records stays."""
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
def test_a_moment_reads_back_as_the_same_one(moment):
    """In whatever zone it was given, it is stored and read in UTC."""
    field = UtcField()
    database = SqliteDatabase(":memory:")
    with database.connection_context():
        (stored,) = database.execute_sql("SELECT ?", [field.db_value(moment)]).fetchone()

    assert moment == field.python_value(stored)
    assert UTC == field.python_value(stored).tzinfo


def test_a_moment_is_stored_without_an_offset(database):
    """So that SQLite's own functions read it, and text is in the order of time."""
    moment = NOW.astimezone(timezone(timedelta(hours=-5)))
    ProcessingBatch.insert(BATCH | {"created_at": moment}).execute(database)

    stored = database.execute_sql(
        "SELECT created_at, datetime(created_at) FROM processing_batches"
    ).fetchone()

    assert ("2026-11-23 22:01:02.345678", "2026-11-23 22:01:02") == stored


def test_no_moment_stays_none():
    assert (None, None) == (UtcField().db_value(None), UtcField().python_value(None))
