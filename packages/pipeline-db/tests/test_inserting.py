"""Records on their fast way into the table: the same rows as one by one, in few statements."""

import sqlite3
from contextlib import closing
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_db.inserting import insertion
from pipeline_jobs import MAX_INTEGER, Record

TABLE = "CREATE TABLE processed_records (batch_id INTEGER, line_number INTEGER, content TEXT)"
# All that UTF-8 can carry, NUL aside, which no record holds.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def inserted(records):
    """Return the rows that are there afterwards, and the statements it took."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(TABLE)
        statements = []
        connection.set_trace_callback(statements.append)
        insertion(7, records)(connection)
        connection.set_trace_callback(None)
        rows = connection.execute(
            "SELECT *, typeof(line_number), typeof(content) FROM processed_records ORDER BY rowid"
        ).fetchall()
    return rows, [text for text in statements if not text.startswith("BEGIN")]


def rows_of(records):
    return [(7, record.line_number, record.content, "integer", "text") for record in records]


@given(st.lists(st.tuples(st.integers(1, 6), TEXT)), st.integers(0, 2**40))
def test_any_text_in_growing_lines_is_kept(steps, before):
    """Contents and line numbers come back as they were, whatever lies between them."""
    numbers = list(accumulate((step for step, _ in steps), initial=before))[1:]
    records = [Record(number, content) for number, (_, content) in zip(numbers, steps, strict=True)]

    rows, statements = inserted(records)

    assert rows_of(records) == rows
    assert len(statements) <= max(1, len(records))


@given(st.lists(st.tuples(st.integers(1, MAX_INTEGER), TEXT)))
def test_line_numbers_may_come_in_any_order(pairs):
    """As a person may write them by hand."""
    records = [Record(number, content) for number, content in pairs]

    assert rows_of(records) == inserted(records)[0]


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
def test_a_chunk_is_one_statement_unless_it_is_full_of_gaps(numbers, statements):
    """What makes a load fast is that SQLite takes a chunk apart by itself; this number does not vary."""
    records = [Record(number, f"{number}") for number in numbers]

    rows, run = inserted(records)

    assert rows_of(records) == rows
    assert statements == len(run)


@pytest.mark.parametrize(
    ("records", "error"),
    [
        ([Record(MAX_INTEGER, "x"), Record(MAX_INTEGER + 1, "y")], OverflowError),
        ([Record(1, "x"), Record(2, "\ud800")], UnicodeEncodeError),
        ([Record(1, "x"), Record(3, "\udfff")], UnicodeEncodeError),
    ],
)
def test_what_no_column_holds_is_refused(records, error):
    with pytest.raises(error):
        inserted(records)


def test_a_gap_is_not_taken_for_a_record():
    """A content that is missing is for the table to refuse, not to be passed over."""
    rows, _ = inserted([Record(1, "false"), Record(3, None), Record(4, "")])

    assert [(1, "false"), (3, None), (4, "")] == [row[1:3] for row in rows]
