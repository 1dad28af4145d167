"""One row for several tables."""

import pytest
from peewee import CharField, IntegerField, TextField

from pipeline_db import BatchRecord, CorruptError, DatabaseError, PeeweeStore, Target, examine_database
from pipeline_jobs import BatchError, Finalized, InputError, JobB


class OrderRow(BatchRecord):
    """The first table."""

    id = IntegerField()
    total = IntegerField(default=0)

    class Meta:
        table_name = "orders"


class AddressRow(BatchRecord):
    """The second table; both have the id."""

    id = IntegerField()
    city = CharField(max_length=10)

    class Meta:
        table_name = "addresses"


class Orders(Target):
    """Both."""

    models = (OrderRow, AddressRow)


ROWS = [{"id": 1, "city": "Cork"}, {"id": 2, "city": "Zürich"}]


def test_each_column_goes_into_the_tables_that_have_it(store, ask):
    batch_id = JobB(store.into(Orders)).execute(ROWS).unwrap()

    assert Finalized(batch_id, 2) == store.finalize(batch_id)
    assert "addresses+orders" == store.batch(batch_id).target
    assert [(1, 1, 0), (2, 2, 0)] == ask(
        store, "SELECT line_number, id, total FROM finalized_orders ORDER BY line_number"
    )
    assert [(1, 1, "Cork"), (2, 2, "Zürich")] == ask(
        store, "SELECT line_number, id, city FROM finalized_addresses ORDER BY line_number"
    )


def test_the_same_rows_are_another_batch_for_another_target(store):
    first = JobB(store.into(Orders)).execute(ROWS).unwrap()
    store.finalize(first)

    assert first == JobB(store.into(Orders)).execute(ROWS).unwrap()
    assert first != JobB(store.into(AddressRow)).execute(ROWS).unwrap()


@pytest.mark.parametrize("table", ["orders", "addresses"])
def test_a_row_that_is_missing_in_any_table_is_noticed(store, ask, table):
    batch_id = JobB(store.into(Orders)).execute(ROWS).unwrap()
    ask(store, f"DELETE FROM {table} WHERE id = 2")

    with pytest.raises(BatchError, match="holds 1 records, but 2 were loaded"):
        store.finalize(batch_id)

    (finding,) = [each for each in examine_database(store.place) if each.what == "sums"]
    assert isinstance(finding.error, CorruptError)
    assert f"{table} has 1 rows of batch {batch_id}, not 2" in str(finding.error)


def test_many_rows_are_loaded_into_both(store, ask):
    """In several chunks, and so in several statements for each table."""
    data = [{"id": n, "city": "x"} for n in range(12_000)]

    batch_id = JobB(store.into(Orders)).execute(data).unwrap()

    assert 12_000 == store.finalize(batch_id).record_count


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1}], "Orders has no column 'city', which AddressRow requires"),
        ([{"id": 1, "city": "x", "colour": 1}], "Orders has no field for the column colour"),
    ],
)
def test_columns_must_fit_the_tables(store, rows, message):
    with pytest.raises(InputError, match=message):
        JobB(store.into(Orders)).execute(rows).unwrap()


def test_each_table_is_checked(store, ask):
    JobB(store.into(Orders)).execute(ROWS).unwrap()
    ask(store, "ALTER TABLE addresses ADD COLUMN other integer")
    store.into(Orders).check()
    ask(store, "DROP VIEW finalized_addresses")
    ask(store, "DROP TABLE addresses")
    ask(store, "CREATE TABLE addresses (id integer)")

    with pytest.raises(DatabaseError, match="the table addresses differs from AddressRow"):
        PeeweeStore(store.place).into(Orders).check()


class Other(BatchRecord):
    """A table whose id is a text."""

    id = TextField()


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ((), r"expected models = \(…\), subclasses of BatchRecord"),
        ((BatchRecord,), r"expected models = \(…\), subclasses of BatchRecord"),
        ((OrderRow, OrderRow), "two of the models are of one table"),
        ((OrderRow, Other), "the field 'id' of Other takes other values than that of OrderRow"),
    ],
)
def test_models_that_cannot_share_a_row_are_refused(models, message):
    with pytest.raises(TypeError, match=message):
        type("Wrong", (Target,), {"models": models})


def test_a_target_without_models_is_none(store):
    with pytest.raises(TypeError, match="expected a subclass of BatchRecord or Target"):
        store.into(Target)


def test_the_order_of_the_models_does_not_matter(store):
    class Swapped(Target):
        models = (AddressRow, OrderRow)

    first = JobB(store.into(Orders)).execute(ROWS).unwrap()
    store.finalize(first)

    assert first == JobB(store.into(Swapped)).execute(ROWS).unwrap()


@pytest.mark.parametrize(
    "other", ["TABLE finalized_orders (x integer)", "VIEW finalized_orders AS SELECT 1 AS x"]
)
def test_a_view_of_another_program_is_not_replaced(store, ask, other):
    JobB(store.into(AddressRow)).execute([{"id": 1, "city": "x"}]).unwrap()
    ask(store, f"CREATE {other}")

    with pytest.raises(DatabaseError, match="finalized_orders is there already") as caught:
        JobB(store.into(OrderRow)).execute([{"id": 1}]).unwrap()

    assert "database.table" == caught.value.code
