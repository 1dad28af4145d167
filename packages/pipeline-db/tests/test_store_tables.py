"""Typed rows in the table of a model."""

import multiprocessing
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import (
    BigIntegerField,
    BinaryUUIDField,
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DoubleField,
    Field,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
    TimeField,
    UUIDField,
)

from pipeline_db import BatchRecord, DatabaseError
from pipeline_jobs import BatchError, Finalized, InputError, Loaded, OnDuplicate, Record, Source
from pipeline_jobs.documents.rows import Reject, RejectKind, Row, RowChunk, Schema, Sums

A = Source("file:///a", "a")
SKIP = OnDuplicate.SKIP


class OrderRow(BatchRecord):
    """The table of most tests."""

    id = IntegerField()
    customer = CharField(max_length=20, index=True)
    amount = DecimalField(max_digits=6, decimal_places=2, null=True)

    class Meta:
        table_name = "orders"
        indexes = ((("batch", "id"), True),)


COLUMNS = ("id", "customer", "amount")
ROWS = [(2, [1, "größe", "12.50"]), (4, [2, "", None]), (7, [3, 'a,"b"\n\\.\r\n', "0"])]
REJECT = Reject(RejectKind.TYPE, "id", "not a number", "x,1,", "A")
STORED = [(2, 1, "größe", Decimal("12.5")), (4, 2, "", None), (7, 3, 'a,"b"\n\\.\r\n', Decimal(0))]


def make_chunks(table, rows, columns=COLUMNS, rejects=(), size=2):
    """Return schema and chunks as job B makes them."""
    schema = Schema("Order", "0" * 16, tuple(columns))
    kind = table.get_row_type(schema)
    lines = [Row(n, content=content) for n, content in rows] + [Row(n, reject=r) for n, r in rejects]
    lines.sort(key=lambda row: row.line_number)

    def iterate():
        for start in range(0, len(lines), size):
            canonical = msgspec.json.Encoder().encode_lines(lines[start : start + size])[:-1]
            decoded = msgspec.json.Decoder(Row[kind]).decode_lines(canonical)
            yield RowChunk(
                [row for row in decoded if row.reject is msgspec.UNSET],
                [row for row in decoded if row.reject is not msgspec.UNSET],
                canonical.replace(b"\n", b",\n"),
            )

    return schema, iterate()


def load(table, rows=ROWS, source=A, on_duplicate=SKIP, rejects=(), **options):
    schema, chunks = make_chunks(table, rows, rejects=rejects, **options)
    sums = Sums(len(rows) + len(rejects), len(rows), len(rejects))
    return table.load_rows(source, schema, sums, chunks, on_duplicate)


@pytest.fixture
def read(peewee_database):
    """Read a model's table with Peewee."""

    def execute(store, model=OrderRow, query=None):
        database = peewee_database(store)
        with database.connection_context():
            rows = (model.select() if query is None else query).order_by(model.line_number).execute(database)
            return [tuple(row.__data__[name] for name in model._meta.sorted_field_names) for row in rows]

    return execute


@pytest.mark.parametrize("size", [1, 2, 99])
def test_rows_go_into_the_table_of_the_model(store, read, ask, size):
    table = store.into(OrderRow)

    loaded = load(table, rejects=[(5, REJECT)], size=size)

    assert Loaded(loaded.batch_id, 3, rejected=1) == loaded
    names = OrderRow._meta.sorted_field_names
    found = [tuple(row[names.index(n)] for n in ("line_number", *COLUMNS)) for row in read(store)]
    assert STORED == found
    batch = store.batch(loaded.batch_id)
    assert ("orders", "Order", 3, 4, 1) == (
        *(batch.target, batch.schema_name, batch.record_count, batch.read_count, batch.rejected_count),
    )
    assert [5] == [reject.line_number for reject in store.rejects(loaded.batch_id)]
    assert [(0,)] == ask(store, "SELECT count(*) FROM processed_records")


def test_readers_see_only_finalized_batches(store, read, ask):
    table = store.into(OrderRow)
    first, second = load(table), load(table, source=Source("file:///b", "b"))
    view = "SELECT batch_id, line_number, id FROM finalized_orders ORDER BY line_number"
    assert ([], []) == (ask(store, view), read(store, query=OrderRow.finalized()))

    assert Finalized(first.batch_id, 3) == table.finalize(first.batch_id)
    assert Finalized(second.batch_id, 3) == store.finalize(second.batch_id)

    assert 6 == len(ask(store, view)) == len(read(store, query=OrderRow.finalized()))


@pytest.mark.parametrize("size", [1, 99])
def test_the_same_rows_are_loaded_once_into_each_table(store, read, size):
    table = store.into(OrderRow)
    first = load(table, size=size)
    assert first._replace(resumed=True) == load(table, size=size)
    table.finalize(first.batch_id)

    assert first._replace(duplicate=True) == load(table, size=size)
    with pytest.raises(BatchError, match="holds these records already"):
        load(table, on_duplicate=OnDuplicate.ERROR)
    assert first.batch_id != load(store, size=size).batch_id  # as JSON, not in the table
    assert 3 == len(read(store))


@pytest.mark.parametrize("size", [1, 99])
def test_an_error_leaves_neither_rows_nor_batch(store, read, size):
    table = store.into(OrderRow)
    schema, chunks = make_chunks(table, ROWS, size=size)

    def fail():
        yield from chunks
        raise InputError("input.hash", "x")

    with pytest.raises(InputError):
        table.load_rows(A, schema, Sums(3, 3), fail(), SKIP)

    load(table, source=Source("file:///b", "b"))
    assert (1, 3) == (len(store.batches()), len(read(store)))


def test_a_batch_that_lost_a_row_is_not_finalized(store, ask):
    table = store.into(OrderRow)
    batch_id = load(table).batch_id
    ask(store, "DELETE FROM orders WHERE id = 2")

    with pytest.raises(BatchError, match="holds 2 records, but 3 were loaded") as caught:
        store.finalize(batch_id)

    assert "batch.count_mismatch" == caught.value.code


class AllTypes(BatchRecord):
    """A field of each type."""

    small = SmallIntegerField(null=True)
    integer = IntegerField(null=True)
    big = BigIntegerField(null=True)
    flag = BooleanField(null=True)
    single = FloatField(null=True)
    double = DoubleField(null=True)
    number = DecimalField(max_digits=15, decimal_places=5, null=True)
    text = TextField(null=True)
    short = CharField(max_length=3, null=True)
    moment = DateTimeField(null=True)
    day = DateField(null=True)
    hour = TimeField(null=True)
    key = UUIDField(null=True)
    binary_key = BinaryUUIDField(null=True)
    blob = BlobField(null=True)


KEY = uuid.UUID("12345678-1234-5678-1234-567812345678")
EAST = timezone(timedelta(hours=5, minutes=30))
CASES = [
    ("small", -(2**15), None),
    ("integer", 2**31 - 1, None),
    ("big", -(2**63), None),
    ("flag", True, None),
    ("flag", False, None),
    ("single", 0.1, None),
    ("single", 16777217.0, None),
    ("single", 1e300, None),
    ("double", 1.7976931348623157e308, None),
    ("double", 5e-324, None),
    ("double", 3, 3.0),
    ("number", Decimal("1234567890.12345"), None),
    ("number", Decimal("-0.00001"), None),
    ("number", Decimal("1E+3"), Decimal(1000)),
    ("number", Decimal("12.5000000"), Decimal("12.5")),
    ("number", "0001.50", Decimal("1.5")),
    ("number", "-0.0", Decimal(0)),
    ("number", "1e-5", Decimal("0.00001")),
    ("number", 12.5, Decimal("12.5")),
    ("number", 7, Decimal(7)),
    ("text", "größe\u2028\n\"'\\,\x01\t\r\x85", None),
    ("text", "", None),
    ("text", "NULL", None),
    ("text", "\\N", None),
    ("short", "äöü", None),
    ("short", "😀😀😀", None),
    ("moment", datetime(2026, 1, 2, 3, 4, 5), None),  # noqa: DTZ001  # stored without a zone
    ("moment", datetime(2026, 1, 2, 3, 4, 5, 120), None),  # noqa: DTZ001
    ("moment", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001
    ("moment", datetime(2026, 1, 2, 3, 4, 5, tzinfo=EAST), datetime(2026, 1, 1, 21, 34, 5)),  # noqa: DTZ001
    ("moment", datetime(2026, 1, 2, tzinfo=timezone(-timedelta(hours=1))), datetime(2026, 1, 2, 1)),  # noqa: DTZ001
    ("day", date(1, 2, 3), None),
    ("hour", time(23, 59, 59, 999999), None),
    ("key", KEY, None),
    ("binary_key", KEY, None),
    ("blob", b"\x00\xff\\x41,\n", None),
]


@pytest.mark.parametrize(("column", "value", "expected"), CASES, ids=lambda value: str(value)[:12])
def test_values_are_stored_alike_on_both_databases(store, read, column, value, expected):
    """Between nulls, to which no type gives a value."""
    rows = [(1, [None]), (2, [value]), (3, [None])]

    load(store.into(AllTypes), rows, columns=[column], size=99)

    index = AllTypes._meta.sorted_field_names.index(column)
    found = [row[index] for row in read(store, AllTypes)]
    found = [bytes(each) if isinstance(each, memoryview) else each for each in found]
    assert [None, value if expected is None else expected, None] == found
    assert type(found[1]) is type(value if expected is None else expected)


class Strict(AllTypes):
    """The same, with a column that must not be null."""

    needed = IntegerField()
    rounded = DecimalField(max_digits=4, decimal_places=1, null=True, auto_round=True)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("small", 2**15),
        ("integer", -(2**31) - 1),
        ("big", 2**63),
        ("integer", 1.5),
        ("integer", True),
        ("integer", "1"),
        ("flag", 1),
        ("number", True),
        ("text", 7),
        ("short", "abcd"),
        ("moment", "2026-02-30T00:00:00"),
        ("moment", "yesterday"),
        ("day", "2026-13-01"),
        ("key", "x"),
        ("blob", "é"),
        ("needed", None),
    ],
)
def test_a_value_that_does_not_fit_is_refused_when_it_is_read(store, column, value):
    """By msgspec, so job B names the line."""
    table = store.into(Strict)

    with pytest.raises(msgspec.ValidationError, match=r"content\[0\]"):
        load(table, [(2, [value, 1])], columns=[column, "needed"][: 1 + (column != "needed")])


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("text", "a\0b", "NUL characters are not allowed"),
        ("short", "\0", "NUL characters are not allowed"),
        ("number", "1E+10", "more than 15 digits, 5 of them decimal places"),
        ("number", "1E-6", "more than 15 digits, 5 of them decimal places"),
        ("number", "1E+999", "more than 15 digits, 5 of them decimal places"),
        ("number", "1E-999999999", "more than 15 digits, 5 of them decimal places"),
        ("number", "12345678901", "more than 15 digits, 5 of them decimal places"),
        ("number", "-0.123456", "more than 15 digits, 5 of them decimal places"),
        ("number", "NaN", "not a decimal number"),
        ("number", "-Infinity", "not a decimal number"),
        ("number", "x", "not a decimal number"),
        ("number", "", "not a decimal number"),
        ("number", "1\n2", "not a decimal number"),
        ("number", "1_0", "not a decimal number"),
        ("number", "1 ", "not a decimal number"),
        ("number", "\u0661", "not a decimal number"),
        ("number", 0.1234567, "more than 15 digits, 5 of them decimal places"),
        ("rounded", "999.96", "more than 4 digits, 1 of them decimal places"),
        ("moment", "0001-01-01T00:00:00+05:00", "a time out of range in UTC"),
        ("hour", "01:02:03Z", "a time of day with a time zone"),
    ],
)
@pytest.mark.parametrize("size", [1, 99])
def test_a_value_that_does_not_fit_is_named_by_line_and_column(store, column, value, reason, size):
    table = store.into(Strict)
    good = {"text": "x", "short": "x", "moment": "2026-01-01T00:00:00", "hour": "00:00:00"}.get(column, "1")

    with pytest.raises(InputError) as caught:
        load(table, [(3, [good, 1]), (4, [value, 1]), (9, [good, 1])], columns=[column, "needed"], size=size)

    assert "input.row" == caught.value.code
    assert str(caught.value).startswith(f"a: line 4, {column}: {reason}; give the record class this rule")
    assert [] == store.batches()


def test_a_field_that_rounds_is_rounded(store, read):
    load(store.into(Strict), [(1, ["999.94", 1]), (2, [12.25, 1])], columns=["rounded", "needed"])

    index = Strict._meta.sorted_field_names.index("rounded")
    assert [Decimal("999.9"), Decimal("12.2")] == [row[index] for row in read(store, Strict)]


class Upper(TextField):
    """A field with values of its own."""

    def db_value(self, value):
        return value if value is None else value.upper()


class WithDefaults(BatchRecord):
    """Fields that rows may lack."""

    id = IntegerField(column_name="order_id")
    status = CharField(default="new")
    added = DateTimeField(default=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    price = DecimalField(max_digits=5, decimal_places=2, default=Decimal("9.9"))
    note = Upper(null=True)


def test_the_defaults_of_the_model_are_applied(store, ask):
    load(store.into(WithDefaults), [(1, [7]), (2, [8])], columns=["order_id"], size=99)

    columns = "order_id, status, CAST(added AS text), price, note"
    rows = ask(store, f"SELECT {columns} FROM withdefaults ORDER BY line_number")
    expected = [(n, "new", "2026-01-01 00:00:00", Decimal("9.9"), None) for n in (7, 8)]
    assert expected == [(*row[:3], Decimal(str(row[3])).normalize(), row[4]) for row in rows]


def test_a_field_of_ones_own_makes_its_values(store, ask):
    load(store.into(WithDefaults), [(1, [7, "abc"]), (2, [8, None])], columns=["id", "note"])

    assert [("ABC",), (None,)] == ask(store, "SELECT note FROM withdefaults ORDER BY line_number")


class Any(Field):
    """A field of ones own for any value, some of which no database stores."""

    field_type = "TEXT"
    makes = {"big": 2**63, "nan": float("nan"), "inf": Decimal("Infinity"), "odd": {1}, "nul": "a\0"}

    def db_value(self, value):
        return self.makes[value]


class WithAny(BatchRecord):
    """A table with such a field."""

    value = Any(null=True)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("big", "an integer of more than 64 bits"),
        ("nan", "not a finite number"),
        ("inf", "not a finite number"),
        ("odd", "its field made a set of it"),
        ("nul", "NUL characters are not allowed"),
        ("other", "its field raised KeyError"),
    ],
)
def test_what_a_field_of_ones_own_makes_must_fit_the_database(store, value, reason):
    with pytest.raises(InputError) as caught:
        load(store.into(WithAny), [(4, [value])], columns=["value"])

    assert "input.row" == caught.value.code
    assert str(caught.value).startswith(f"a: line 4, value: {reason}; give the record class this rule")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["id", "customer", "colour"], "OrderRow has no field for the column colour of Order"),
        (["id"], "Order has no column 'customer', which OrderRow requires"),
        (["id", "customer", "batch"], "OrderRow has no field for the column batch of Order"),
        ([], "the rows of Order have no columns; give job A a record class"),
    ],
)
def test_columns_that_do_not_fit_the_model_are_refused(store, columns, message):
    with pytest.raises(InputError, match=message) as caught:
        store.into(OrderRow).get_row_type(Schema("Order", "0" * 16, tuple(columns)))

    assert "input.columns" == caught.value.code


def test_lines_of_text_are_refused(store):
    with pytest.raises(InputError, match="the table orders takes typed rows") as caught:
        store.into(OrderRow).load(A, [[Record(1, "x")]], SKIP)

    assert "input.columns" == caught.value.code


@pytest.mark.parametrize("model", [object, BatchRecord, OrderRow(), None])
def test_what_is_no_model_is_refused(store, model):
    with pytest.raises(TypeError, match="expected a subclass of BatchRecord or Target"):
        store.into(model)


MANY = [(n + 1, [n, f"line\n{n}" if n % 3 else "\n\n", None]) for n in range(500)]


@pytest.mark.parametrize("bad", [1, 250, 499])
@pytest.mark.parametrize("size", [40, 1000])
def test_a_row_that_breaks_a_constraint_is_named_by_its_line(store, ask, bad, size):
    """Also where a server reports it late, and counts the line breaks within rows."""
    rows = [(n + 1, [0, "x\ny", None]) if n == bad else row for n, row in enumerate(MANY)]

    with pytest.raises(DatabaseError) as caught:
        load(store.into(OrderRow), rows, size=size)

    assert "database.constraint" == caught.value.code
    assert f": table orders, line {bad + 1}: " in str(caught.value)
    assert "UNIQUE" in str(caught.value).upper()
    assert [] == store.batches()


def test_what_a_server_says_of_a_value_is_not_passed_on(postgres_store, ask):
    """It quotes data. Here the live table has another type, which `check` would have found."""
    load(postgres_store.into(OrderRow))
    ask(postgres_store, "DROP VIEW finalized_orders")
    ask(postgres_store, "ALTER TABLE orders ALTER COLUMN customer TYPE integer USING 0")
    ask(postgres_store, "CREATE VIEW finalized_orders AS SELECT * FROM orders")

    with pytest.raises(DatabaseError) as caught:
        load(postgres_store.into(OrderRow), [(3, [9, "secret", None])])

    assert str(caught.value).endswith(
        ": table orders, line 3: a value does not fit its column (SQLSTATE 22P02)"
    )
    assert caught.value.__cause__ is None


def test_the_index_of_the_model_is_created(store, ask):
    load(store.into(OrderRow))

    if store.path:
        found = ask(store, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'orders'")
    else:
        found = ask(store, "SELECT indexname FROM pg_indexes WHERE tablename = 'orders'")
    assert {"orderrow_customer", "orderrow_batch_id_id"} <= {name for (name,) in found}


def test_a_column_that_was_added_appears_in_the_view(store, ask):
    load(store.into(OrderRow))
    ask(store, "ALTER TABLE orders ADD COLUMN note text")

    class Wider(OrderRow):
        note = TextField(null=True)

        class Meta:
            table_name = "orders"

    batch_id = load(store.into(Wider), [(1, [1, "x", None, "y"])], columns=[*COLUMNS, "note"]).batch_id
    store.finalize(batch_id)

    assert [("y",)] == ask(store, "SELECT note FROM finalized_orders")


def test_a_killed_process_leaves_neither_rows_nor_rejects(store, ask):
    """And nothing of the batch; the table itself may stay, where it was made in a transaction of its own."""
    context = multiprocessing.get_context("fork")
    loading = context.Event()
    many = [(n + 1, [n, "x" * 20, None]) for n in range(30_000)]

    def run():
        table = store.into(OrderRow)
        schema, chunks = make_chunks(table, many, rejects=[(40_000, REJECT)], size=10_000)

        def iterate():
            yield from chunks
            loading.set()
            signal.pause()

        table.load_rows(A, schema, Sums(30_001, 30_000, 1), iterate(), SKIP)

    process = context.Process(target=run)
    process.start()
    assert loading.wait(60)
    process.kill()
    process.join()

    assert [] == store.batches()
    load(store.into(OrderRow))
    assert [(3,)] == ask(store, "SELECT count(*) FROM orders")
    assert [(0,)] == ask(store, "SELECT count(*) FROM rejected_records")


def test_loads_at_the_same_time_create_the_table_once(store, ask):
    """On a server, they do not wait for each other otherwise."""
    with ThreadPoolExecutor(4) as pool:
        loading = [
            pool.submit(load, store.into(OrderRow), source=Source(f"file:///{n}", f"{n}")) for n in range(8)
        ]

    assert 8 == len({each.result().batch_id for each in loading})
    assert [(24,)] == ask(store, "SELECT count(*) FROM orders")


class Customer(Model):
    """A table of a team."""

    code = CharField(max_length=4, primary_key=True)

    class Meta:
        table_name = "customers"


class Sale(BatchRecord):
    """A row that refers to it."""

    customer = ForeignKeyField(Customer, on_delete="RESTRICT")


@pytest.mark.parametrize("column", ["customer", "customer_id"])
def test_a_row_may_refer_to_a_table_of_a_team(store, ask, column):
    store.load(A, [], SKIP)
    ask(store, "CREATE TABLE customers (code varchar(4) PRIMARY KEY)")
    ask(store, "INSERT INTO customers VALUES ('abcd')")
    table = store.into(Sale)

    load(table, [(1, ["abcd"])], columns=[column])
    table.check()

    lines = "3" if store.path else "2 to 3"  # a server checks foreign keys at the end of a statement
    with pytest.raises(DatabaseError, match=rf"table sale, line {lines}: .*(?i:foreign key)") as caught:
        load(table, [(2, ["abcd"]), (3, ["xyz"])], columns=[column])
    assert "database.constraint" == caught.value.code
    assert [("abcd",)] == ask(store, "SELECT customer_id FROM sale")


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**9), max_value=10**9)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=st.none() | OFFSETS)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | DECIMALS,
            st.none() | TEXTS,
            st.none() | MOMENTS.filter(lambda time: 2 < time.year < 9998),
            st.none() | st.binary(),
        ),
        max_size=8,
    )
)
def test_any_values_are_read_back_from_both_databases(sqlite_store, postgres_store, read, rows):
    columns = ["big", "double", "number", "text", "moment", "blob"]
    expected = [
        (
            *row[:4],
            row[4] and (row[4].astimezone(UTC).replace(tzinfo=None) if row[4].tzinfo else row[4]),
            row[5],
        )
        for row in rows
    ]
    source = Source(f"file:///{uuid.uuid4()}", "x")
    for store in (sqlite_store, postgres_store):
        numbered = [(number, list(row)) for number, row in enumerate(rows, 1)]
        batch_id = load(store.into(AllTypes), numbered, source=source, columns=columns, size=3).batch_id

        query = AllTypes.select().where(AllTypes.batch == batch_id)
        places = [AllTypes._meta.sorted_field_names.index(name) for name in columns]
        found = [tuple(row[place] for place in places) for row in read(store, AllTypes, query)]
        found = [(*row[:5], row[5] if row[5] is None else bytes(row[5])) for row in found]
        assert expected == found
