"""Bulk insert into SQLite: the same rows as one by one, in few statements."""

import sqlite3
from contextlib import closing
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_db.sqlite.bulk_insert import prepare_insert
from pipeline_jobs import Record
from pipeline_jobs.documents.records import MAX_INTEGER

TABLE = "CREATE TABLE processed_records (batch_id INTEGER, line_number INTEGER, content TEXT)"
# Everything that UTF-8 can encode, except NUL, which no record contains.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def insert(records):
    """Insert records into a table; return its rows and the statements executed."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(TABLE)
        statements = []
        connection.set_trace_callback(statements.append)
        prepare_insert(7, records)(connection)
        connection.set_trace_callback(None)
        rows = connection.execute(
            "SELECT *, typeof(line_number), typeof(content) FROM processed_records ORDER BY rowid"
        ).fetchall()
    return rows, [text for text in statements if not text.startswith("BEGIN")]


def expect_rows(records):
    return [(7, record.line_number, record.content, "integer", "text") for record in records]


@given(st.lists(st.tuples(st.integers(1, 6), TEXT)), st.integers(0, 2**40))
def test_any_text_with_increasing_line_numbers_is_stored(steps, before):
    """Contents and line numbers are read back unchanged, whatever the gaps between the lines."""
    numbers = list(accumulate((step for step, _ in steps), initial=before))[1:]
    records = [Record(number, content) for number, (_, content) in zip(numbers, steps, strict=True)]

    rows, statements = insert(records)

    assert expect_rows(records) == rows
    assert len(statements) <= max(1, len(records))


@given(st.lists(st.tuples(st.integers(1, MAX_INTEGER), TEXT)))
def test_line_numbers_may_come_in_any_order(pairs):
    """As in a document written by hand."""
    records = [Record(number, content) for number, content in pairs]

    assert expect_rows(records) == insert(records)[0]


@pytest.mark.parametrize(
    ("numbers", "statements"),
    [
        (range(1, 10_001), 1),
        (range(1, 40_001, 4), 1),
        (range(1, 100_001, 10), 10_000),
        (range(10_000, 0, -1), 10_000),
        (range(MAX_INTEGER - 9_999, MAX_INTEGER + 1), 1),
        ([MAX_INTEGER], 1),
        ([], 0),
    ],
    ids=["dense", "with gaps", "sparse", "backwards", "at the end", "one", "none"],
)
def test_a_chunk_is_one_statement_unless_its_lines_are_sparse(numbers, statements):
    """A load is fast because SQLite takes a chunk apart itself; unlike seconds, statements do not vary."""
    records = [Record(number, f"{number}") for number in numbers]

    rows, run = insert(records)

    assert expect_rows(records) == rows
    assert statements == len(run)


@pytest.mark.parametrize(
    ("records", "error"),
    [
        ([Record(MAX_INTEGER, "x"), Record(MAX_INTEGER + 1, "y")], OverflowError),
        ([Record(1, "x"), Record(2, "\ud800")], UnicodeEncodeError),
        ([Record(1, "x"), Record(3, "\udfff")], UnicodeEncodeError),
    ],
)
def test_a_record_that_no_column_can_store_is_rejected(records, error):
    with pytest.raises(error):
        insert(records)


def test_a_gap_is_not_a_record():
    """A missing content is inserted, for the table to reject, and not skipped."""
    rows, _ = insert([Record(1, "false"), Record(3, None), Record(4, "")])

    assert [(1, "false"), (3, None), (4, "")] == [row[1:3] for row in rows]
