"""The comparison of a model with the table that is there, before anything is loaded."""

import pickle
import re

import pytest
from peewee import CharField, DateTimeField, DecimalField, IntegerField, TextField

from pipeline_db import BatchRecord, DatabaseError, PeeweeStore
from pipeline_jobs import JobB


class OrderRow(BatchRecord):
    """The model."""

    id = IntegerField()
    customer = CharField(max_length=20, index=True)
    amount = DecimalField(max_digits=12, decimal_places=2, null=True)
    placed_at = DateTimeField(null=True)

    class Meta:
        table_name = "orders"
        indexes = ((("batch", "id"), True),)


ROWS = [{"id": 1, "customer": "x", "amount": "1.5"}, {"id": 2, "customer": "y"}]


def test_a_missing_table_is_no_difference(store, read_everything):
    before = read_everything(store)

    store.into(OrderRow).check()

    assert before == read_everything(store)


def test_a_table_that_was_made_from_the_model_is_the_same(store, read_everything):
    JobB(store.into(OrderRow)).execute(ROWS).unwrap()
    before = read_everything(store)

    store.into(OrderRow).check()  # raises an error where they differ

    assert before == read_everything(store)


def change_fields(base=OrderRow, meta=None, **fields):
    settings = {"table_name": "orders", "indexes": base._meta.indexes} | (meta or {})
    return type("Changed", (base,), {**fields, "Meta": type("Meta", (), settings)})


CHANGES = {
    "a nullable column": (lambda: change_fields(note=TextField(null=True)), "it lacks the column note"),
    "a required column": (lambda: change_fields(size=IntegerField()), "it lacks the column size"),
    "a required time": (lambda: change_fields(due=DateTimeField()), "it lacks the column due"),
    "another type": (
        lambda: change_fields(customer=TextField(index=True), amount=TextField(null=True)),
        "amount is ",
    ),
    "no more null": (lambda: change_fields(amount=DecimalField(12, 2)), "NULL, not "),
    "null": (lambda: change_fields(id=IntegerField(null=True)), "NOT NULL, not "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_is_mended_by_the_statements_of_the_error(store, ask, change):
    make_model, message = CHANGES[change]
    model = make_model()
    rows = ROWS if change != "no more null" else ROWS[:1]
    store.finalize(JobB(store.into(OrderRow)).execute(rows).unwrap())

    with pytest.raises(DatabaseError) as caught:
        store.into(model).check()

    assert "database.table" == caught.value.code
    assert message in str(caught.value)
    for statement in str(caught.value).partition(" with: ")[2].removesuffix(";").split("; "):
        ask(store, statement)
    store.into(model).check()
    more = {name: 7 for name in ("size",) if name in model._meta.fields}
    more |= {name: "2026-01-01T00:00:00" for name in ("due",) if name in model._meta.fields}
    new = [{"id": 9, "customer": "z", "amount": "2.5", **more}]
    store.finalize(JobB(store.into(model)).execute(new).unwrap())
    found = ask(store, "SELECT customer FROM finalized_orders ORDER BY customer")
    assert [*[(row["customer"],) for row in rows], ("z",)] == found


def test_a_table_with_another_key_is_refused(store, ask):
    JobB(store).execute(["x"]).unwrap()
    ask(store, "CREATE TABLE orders (id integer PRIMARY KEY, customer varchar(20) NOT NULL)")

    with pytest.raises(DatabaseError, match="its primary key is not batch_id and line_number") as caught:
        store.into(OrderRow).check()

    ask(store, str(caught.value).partition(" with: ")[2])
    store.into(OrderRow).check()


def test_a_column_that_only_the_table_has_must_have_a_default(store, ask):
    JobB(store.into(OrderRow)).execute(ROWS).unwrap()
    ask(store, "ALTER TABLE orders ADD COLUMN shop integer NOT NULL DEFAULT 3")
    store.into(OrderRow).check()

    JobB(store.into(OrderRow)).execute(ROWS[:1]).unwrap()

    assert [(3,)] * 3 == ask(store, "SELECT shop FROM orders")


def test_a_column_that_only_the_table_requires_is_refused(store, ask):
    JobB(store.into(change_fields(shop=IntegerField()))).execute([ROWS[0] | {"shop": 3}]).unwrap()

    with pytest.raises(DatabaseError, match="shop takes no null, and the model has no such field"):
        store.into(OrderRow).check()


def test_lengths_are_compared_where_the_database_knows_them(store):
    """SQLite does not; there, job B alone checks the length."""
    JobB(store.into(OrderRow)).execute(ROWS).unwrap()
    longer = store.into(change_fields(customer=CharField(max_length=30, index=True)))

    if store.path:
        longer.check()
    else:
        with pytest.raises(DatabaseError, match=re.escape("character varying(20) NOT NULL, not")):
            longer.check()


def test_more_digits_than_sqlite_keeps_are_refused_there(sqlite_store, postgres_store):
    model = change_fields(amount=DecimalField(max_digits=16, decimal_places=2))
    postgres_store.into(model)

    with pytest.raises(DatabaseError, match=r"would round Changed.amount, which has 16 digits") as caught:
        sqlite_store.into(model)

    assert "database.table" == caught.value.code


def test_a_store_that_was_checked_checks_its_tables(store, ask):
    """As that of a run is, before job A."""
    JobB(store.into(OrderRow)).execute(ROWS).unwrap()
    model = change_fields(note=TextField(null=True))
    PeeweeStore(store.place).into(model)
    run = PeeweeStore(store.place)
    run.check()

    with pytest.raises(DatabaseError, match="it lacks the column note"):
        run.into(model)

    assert run.into(OrderRow) is run.into(OrderRow)
    assert pickle.loads(pickle.dumps(run)).into(OrderRow).target is OrderRow
