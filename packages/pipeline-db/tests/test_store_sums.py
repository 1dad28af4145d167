"""The doctor counts the rows and the rejects of batches of typed rows."""

import pytest
from peewee import IntegerField

from pipeline_db import BatchRecord, CorruptError, examine_database
from pipeline_jobs import Csv, JobA, JobB


class OrderRow(BatchRecord):
    """The table."""

    id = IntegerField()

    class Meta:
        table_name = "orders"


@pytest.fixture
def loaded(store, tmp_path):
    """A store with a batch in a table, and one as JSON, each of two rows and a reject."""
    from pipeline_db import derive_record

    file = tmp_path / "x.csv"
    file.write_text("id\n1\n2\nx\n", encoding="utf-8")
    record = derive_record(OrderRow)
    document = JobA(tmp_path / "out", reader=Csv(), record=record, max_rejects=1).execute(file).unwrap()
    for place in (store.into(OrderRow), store):
        JobB(place).execute(document).unwrap()
    JobB(store).execute(["a line"]).unwrap()
    return store


def find_sums(store):
    return [finding for finding in examine_database(store.place) if finding.what == "sums"]


def test_sums_that_add_up(loaded):
    (finding,) = find_sums(loaded)

    assert ("the rows and rejects of 2 batches add up", None) == (finding.found, finding.error)


def test_lines_have_no_sums(store):
    JobB(store).execute(["a line"]).unwrap()

    assert [] == find_sums(store)


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("DELETE FROM orders WHERE id = 1", "orders has 1 rows of batch 1, not 2"),
        ("INSERT INTO orders VALUES (1, 99, 7)", "orders has 3 rows of batch 1, not 2"),
        (
            "INSERT INTO orders VALUES (77, 99, 7)",
            "orders has rows of batch 77, which does not exist or belongs elsewhere",
        ),
        (
            "INSERT INTO orders VALUES (2, 99, 7)",
            "orders has rows of batch 2, which does not exist or belongs elsewhere",
        ),
        (
            "DELETE FROM processed_records WHERE batch_id = 2 AND line_number = 2",
            "processed_records has 1 rows of batch 2, not 2",
        ),
        ("DELETE FROM rejected_records WHERE batch_id = 2", "rejected_records has 0 rows of batch 2, not 1"),
        ("DROP TABLE orders", "the table orders is missing"),
    ],
)
def test_rows_and_rejects_that_are_lost_or_too_many_are_damage(loaded, ask, statement, text):
    if "DROP" in statement:
        ask(loaded, "DROP VIEW finalized_orders")
    ask(loaded, statement.replace("VALUES (", "(batch_id, line_number, id) VALUES ("))

    (finding,) = find_sums(loaded)

    assert isinstance(finding.error, CorruptError)
    assert f"is damaged ({text}); restore a backup" in str(finding.error)
