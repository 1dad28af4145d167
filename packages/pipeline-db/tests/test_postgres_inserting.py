"""Records as COPY is fed with them: what comes back from the server is what was given."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_db.postgres.inserting import COPY, copied
from pipeline_jobs import MAX_INTEGER, Record

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SPECIAL = st.text(st.sampled_from("\\nrt.N\n\r\t\b\v\f\x1f ,\"'\u2028"))


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


@pytest.mark.parametrize("content", ["\\.", "\\N", "", "\\", "a\\\nb", "\r\n", "\t", "x" * 1_000_000])
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


def test_nul_is_left_for_the_server_to_refuse(table):
    """Jobs refuse it before; it must not shift the records after it."""
    with pytest.raises(psycopg.errors.CharacterNotInRepertoire):
        inserted(table, [Record(1, "a\0b\tc"), Record(2, "next")])
