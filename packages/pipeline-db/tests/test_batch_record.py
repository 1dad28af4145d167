"""Models for the rows of batches, and what they refuse."""

import pytest
from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    CharField,
    CompositeKey,
    IntegerField,
    SqliteDatabase,
    TextField,
)

from pipeline_db import BatchRecord


class OrderRow(BatchRecord):
    """A sound model, with a unique constraint in each batch."""

    id = IntegerField()
    customer = CharField(index=True)

    class Meta:
        table_name = "orders"
        indexes = ((("batch", "id"), True), (("id", "customer"), False))


def test_batch_and_line_number_identify_a_row():
    meta = OrderRow._meta

    assert ("batch", "line_number") == meta.primary_key.field_names
    assert {"batch_id", "line_number", "id", "customer"} == set(meta.columns)
    assert "orders" == meta.table_name


def test_a_model_may_derive_from_another_one():
    class Extended(OrderRow):
        note = TextField(null=True)

    assert ("batch", "line_number") == Extended._meta.primary_key.field_names
    assert "note" in Extended._meta.fields


def define(meta=None, **fields):
    body = dict(fields)
    if meta is not None:
        body["Meta"] = type("Meta", (), meta)
    return type("Orders", (BatchRecord,), body)


KEY = r"^Orders: has a primary key of its own, but its rows are identified by batch and line_number; remove"
UNIQUE = r"^Orders: a unique constraint without 'batch' would refuse the next batch; use Meta.indexes = "


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: define(id=AutoField()), KEY),
        (lambda: define(id=IntegerField(primary_key=True)), KEY),
        (lambda: define({"primary_key": False}, id=IntegerField()), KEY),
        (lambda: define({"primary_key": CompositeKey("batch", "id")}, id=IntegerField()), KEY),
        (lambda: define(batch=IntegerField()), "'batch' and 'line_number' come with BatchRecord"),
        (lambda: define(line_number=BigIntegerField()), "'batch' and 'line_number' come with BatchRecord"),
        (lambda: define(x=IntegerField(column_name="BATCH_ID")), "two fields have the column 'batch_id'"),
        (
            lambda: define(save=IntegerField()),
            "'save' would hide an attribute of each model; call it 'save_'",
        ),
        (lambda: define(raw=TextField()), "the field 'raw' would hide"),
        (lambda: define(finalized=TextField()), "the field 'finalized' would hide"),
        (lambda: define({"table_name": "records"}), "the table name 'records' is taken"),
        (lambda: define({"table_name": "Processed_Records"}), "the table name 'Processed_Records' is taken"),
        (lambda: define({"table_name": "finalized_x"}), "the table name 'finalized_x' is taken"),
        (lambda: define({"table_name": 'a"b'}), "must be a word"),
        (lambda: define({"table_name": "x" * 54}), "at most 53 bytes"),
        (lambda: define({"strict_tables": True}), "Meta.strict_tables and Meta.temporary are not supported"),
        (lambda: define({"temporary": True}), "Meta.strict_tables and Meta.temporary are not supported"),
        (lambda: define({"schema": "sales"}), "Meta.schema is not supported"),
        (lambda: define(id=IntegerField(unique=True)), UNIQUE + r"\(\(\(\"batch\", 'id'\), True\),\)$"),
        (lambda: define({"indexes": ((("id",), True),)}, id=IntegerField()), UNIQUE),
        (lambda: define({"constraints": [SQL("UNIQUE (id)")]}, id=IntegerField()), UNIQUE),
        (lambda: define(id=IntegerField(constraints=[SQL("unique")])), UNIQUE),
    ],
)
def test_a_model_that_could_not_hold_batches_is_refused(make, message):
    """When it is defined, so before anything runs."""
    with pytest.raises(TypeError, match=message):
        make()


def test_a_column_may_have_any_name():
    assert "save" in define(save_=IntegerField(column_name="save"))._meta.columns


def test_finalized_is_a_query_of_finalized_batches_only():
    sql, values = OrderRow.finalized().where(OrderRow.id == 7).sql()

    assert 'WHERE (("t1"."batch_id" IN (SELECT "t2"."id" FROM "processing_batches" AS "t2"' in sql
    assert ["finalized", 7] == values


def test_models_are_bound_to_no_database():
    assert OrderRow._meta.database is None
    database = SqliteDatabase(":memory:")
    with database.bind_ctx([OrderRow]):
        assert database is OrderRow._meta.database
