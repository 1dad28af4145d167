"""The store's queries in the notation of each driver."""

import pytest

from pipeline_db import ProcessingBatch, queries
from pipeline_db.queries import FIND_BATCH, NAMED, PYFORMAT, Parameter, Statement


def test_a_statement_has_the_placeholders_of_each_driver():
    columns = '"t1"."status", "t1"."record_count", "t1"."rejected_count", "t1"."target"'
    sql = f'SELECT {columns} FROM "processing_batches" AS "t1" WHERE ("t1"."id" = {{}})'

    assert sql.format(":id") == FIND_BATCH.compile(NAMED)
    assert sql.format("%(id)s") == FIND_BATCH.compile(PYFORMAT)


@pytest.mark.parametrize(
    "name", [name for name, value in vars(queries).items() if isinstance(value, Statement)]
)
def test_no_statement_has_a_percent_sign_of_its_own(name):
    """Psycopg would take it for a placeholder."""
    assert "%" not in getattr(queries, name).compile(NAMED)


def test_a_statement_is_compiled_once():
    statement = Statement(ProcessingBatch.select().where(ProcessingBatch.id == Parameter("id")))

    assert statement.compile(NAMED) is statement.compile(NAMED)


def test_a_value_in_a_statement_is_a_bug():
    statement = Statement(ProcessingBatch.select().where(ProcessingBatch.id == 7))

    with pytest.raises(ValueError, match=r"contains values instead of parameters: \[7\]$"):
        _ = statement.compile(NAMED)
