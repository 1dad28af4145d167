"""Records as COPY is fed with them: what comes back from the server is what was given."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_db import DatabaseError
from pipeline_db.postgres.inserting import COPY, copied
from pipeline_jobs import MAX_INTEGER, InputError, OnDuplicate, Record, Source

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SPECIAL = st.text(st.sampled_from("\\nrt.N\n\r\t\b\v\f\x01\x1f ,\"'\u2028"))


@pytest.fixture
def table(postgres_server):
    """A connection with a table of the name, which is gone with it."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("SET client_encoding = utf8")
        connection.execute(
            "CREATE TEMP TABLE processed_records (batch_id bigint, line_number bigint, content text)"
        )
        yield connection


def inserted(connection, records):
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(copied(7, records))
    found = connection.execute("SELECT * FROM processed_records").fetchall()
    connection.execute("TRUNCATE processed_records")
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(TEXT | SPECIAL))
def test_any_text_is_kept(table, contents):
    """Whatever has a meaning for COPY, among others the end of its data, a backslash and a full stop."""
    records = [Record(number * 3, content) for number, content in enumerate(contents, 1)]

    assert [(7, each.line_number, each.content) for each in records] == inserted(table, records)


@pytest.mark.parametrize(
    "content",
    ["\\.", "\\N", "", "\\", "a\\\nb", "a\n\\.\nb", "\r\n", "\t", "\x01", "\x01\x01,", "x" * 1_000_000],
)
def test_what_means_something_to_copy_is_a_text_like_any_other(table, content):
    assert [(7, 1, content), (7, 2, "next")] == inserted(table, [Record(1, content), Record(2, "next")])


def test_line_numbers_may_come_in_any_order(table):
    numbers = [MAX_INTEGER, 1, 5, 2]

    assert [(7, each, "x") for each in numbers] == inserted(table, [Record(each, "x") for each in numbers])


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (Record(MAX_INTEGER + 1, "x"), OverflowError),
        (Record(1, "\ud800"), UnicodeEncodeError),
        (Record(1, None), TypeError),
    ],
)
def test_what_no_column_holds_is_refused(record, error):
    with pytest.raises(error):
        copied(1, [Record(1, "before"), record])


def test_an_error_of_the_server_is_known_after_some_chunks(postgres_store):
    """Not at the end of a load that may take an hour."""
    taken = 0

    def chunks():
        nonlocal taken
        yield [Record(1, "a\0b")]
        for number in range(2, 1000):
            taken += 1
            yield [Record(number, "x")]

    with pytest.raises(DatabaseError):
        postgres_store.load(Source("memory:x", "x"), chunks(), OnDuplicate.SKIP)

    assert 10 < taken < 20


def test_what_fails_in_the_middle_of_a_copy_leaves_nothing(postgres_store, ask):
    """And the connection is of use until the end: nobody waits for the lock that it held."""

    def chunks():
        for number in range(1, 25):
            yield [Record(number, "x")]
        raise InputError("input.changed", "it changed")

    source = Source("memory:x", "x")
    with pytest.raises(InputError):
        postgres_store.load(source, chunks(), OnDuplicate.SKIP)

    assert [(0,)] == ask(postgres_store, "SELECT count(*) FROM processed_records")
    assert 1 == postgres_store.load(source, [[Record(1, "x")]], OnDuplicate.SKIP).record_count


def test_nul_is_left_for_the_server_to_refuse(table):
    """Jobs refuse it before; it must not shift the records after it."""
    with pytest.raises(psycopg.errors.CharacterNotInRepertoire):
        inserted(table, [Record(1, "a\0b\tc"), Record(2, "next")])
