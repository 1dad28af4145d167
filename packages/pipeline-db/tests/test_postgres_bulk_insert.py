"""Bulk insert into PostgreSQL: the server returns the records unchanged."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_db import DatabaseError
from pipeline_db.backend import RowTable
from pipeline_db.postgres.bulk_insert import COPY, encode_copy_rows, encode_rows
from pipeline_jobs import InputError, OnDuplicate, Record, Source
from pipeline_jobs.documents.records import MAX_INTEGER

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SPECIAL = st.text(st.sampled_from("\\nrt.N\n\r\t\b\v\f\x01\x1f ,\"'\u2028"))


@pytest.fixture
def table(postgres_server):
    """A connection with a temporary table of that name."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("SET client_encoding = utf8")
        connection.execute(
            "CREATE TEMP TABLE processed_records (batch_id bigint, line_number bigint, content text)"
        )
        yield connection


def insert(connection, records):
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(encode_copy_rows(7, records))
    rows = connection.execute("SELECT * FROM processed_records").fetchall()
    connection.execute("TRUNCATE processed_records")
    return rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(TEXT | SPECIAL))
def test_any_text_is_stored(table, contents):
    """Also text with a meaning for COPY, such as the end of its data, a backslash and a full stop."""
    records = [Record(number * 3, content) for number, content in enumerate(contents, 1)]

    assert [(7, each.line_number, each.content) for each in records] == insert(table, records)


@pytest.mark.parametrize(
    "content",
    ["\\.", "\\N", "", "\\", "a\\\nb", "a\n\\.\nb", "\r\n", "\t", "\x01", "\x01\x01,", "x" * 1_000_000],
)
def test_text_with_a_meaning_for_copy_is_stored(table, content):
    assert [(7, 1, content), (7, 2, "next")] == insert(table, [Record(1, content), Record(2, "next")])


def test_line_numbers_may_come_in_any_order(table):
    numbers = [MAX_INTEGER, 1, 5, 2]

    assert [(7, each, "x") for each in numbers] == insert(table, [Record(each, "x") for each in numbers])


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (Record(MAX_INTEGER + 1, "x"), OverflowError),
        (Record(1, "\ud800"), UnicodeEncodeError),
        (Record(1, None), TypeError),
    ],
)
def test_a_record_that_no_column_can_store_is_rejected(record, error):
    with pytest.raises(error):
        encode_copy_rows(1, [Record(1, "before"), record])


def test_an_error_of_the_server_ends_the_load_after_some_chunks(postgres_store):
    """Not at its end, which may be an hour later."""
    yielded = 0

    def chunks():
        nonlocal yielded
        yield [Record(1, "a\0b")]
        for number in range(2, 1000):
            yielded += 1
            yield [Record(number, "x")]

    with pytest.raises(DatabaseError):
        postgres_store.load(Source("memory:x", "x"), chunks(), OnDuplicate.SKIP)

    assert 10 < yielded < 20


def test_an_error_in_the_middle_of_a_copy_leaves_nothing(postgres_store, ask):
    """And it releases the lock: the next load does not wait."""

    def chunks():
        for number in range(1, 25):
            yield [Record(number, "x")]
        raise InputError("input.changed", "it changed")

    source = Source("memory:x", "x")
    with pytest.raises(InputError):
        postgres_store.load(source, chunks(), OnDuplicate.SKIP)

    assert [(0,)] == ask(postgres_store, "SELECT count(*) FROM processed_records")
    assert 1 == postgres_store.load(source, [[Record(1, "x")]], OnDuplicate.SKIP).record_count


def test_the_server_rejects_nul(table):
    """Jobs reject it before; here it must not corrupt the records after it."""
    with pytest.raises(psycopg.errors.CharacterNotInRepertoire):
        insert(table, [Record(1, "a\0b\tc"), Record(2, "next")])


VALUE = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.tuples(VALUE, st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.binary())))
def test_rows_are_stored_exactly_as_they_are(copied_rows, rows):
    """Whatever tabs, line ends, backslashes and nulls they contain."""
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    table = RowTable("t", ("a", "b", "c"))

    copied = encode_rows(table, 7, range(1, len(rows) + 1), columns)

    assert [(7, number, *row) for number, row in enumerate(rows, 1)] == copied_rows(copied if rows else None)


@pytest.fixture(scope="module")
def copied_rows(postgres_server):
    """Copy rows into a table, and return what it contains then."""
    with psycopg.connect(postgres_server) as connection:

        def copy(rows):
            connection.execute(
                "CREATE TEMPORARY TABLE t (batch_id int, line_number int, a text, b bigint, c bytea)"
            )
            if rows:
                with connection.cursor().copy(rows.statement) as copy:
                    copy.write(rows.data)
            found = connection.execute("SELECT * FROM t ORDER BY line_number").fetchall()
            connection.rollback()
            return found

        yield copy


def test_numbers_and_truth_values_have_the_form_of_the_server():
    columns = [(True, None), (0.1, 1e300), (7, None), (b"\\", "a\tb")]

    rows = encode_rows(RowTable("t", ("a", "b", "c", "d")), 1, [3, 5], columns)

    assert b"1\t3\ttrue\t0.1\t7\t\\\\x5c\n1\t5\t\\N\t1e300\t\\N\ta\\tb\n" == rows.data
