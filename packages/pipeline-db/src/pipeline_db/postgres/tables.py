"""Tables of models in PostgreSQL."""

from peewee import PostgresqlDatabase

from pipeline_db.batch_record import BatchRecord
from pipeline_db.table_statements import (
    StatementRecorder,
    get_table_name,
    get_view_name,
    list_columns,
    list_table_statements,
    list_view_statements,
)

from .connection import Connection

_WITHOUT_ROWID = " WITHOUT ROWID"  # Peewee writes it for every database
_COLUMNS = """
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident(%(name)s))
    AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


class _Recorder(StatementRecorder, PostgresqlDatabase):
    """Peewee's SQL for PostgreSQL."""


def has_table(connection: Connection, model: type[BatchRecord]) -> bool:
    """Return whether the table of a model is there, and its view has the same columns."""
    table = _list_columns(connection, get_table_name(model))
    return bool(table) and _list_columns(connection, get_view_name(model)) == list_columns(model)


def create_table(connection: Connection, model: type[BatchRecord]) -> None:
    """Create the table of a model with its indexes and its view, unless they are there."""
    statements = list_view_statements(model)
    if not _list_columns(connection, get_table_name(model)):
        statements = [*list_create_statements(model), *statements]
    elif has_table(connection, model):
        return
    for statement in statements:
        connection.execute(statement)


def list_create_statements(model: type[BatchRecord]) -> list[str]:
    """Return the statements that create a model's table and its indexes."""
    return [each.removesuffix(_WITHOUT_ROWID) for each in list_table_statements(model, _Recorder())]


def _list_columns(connection: Connection, name: str) -> list[str]:
    return [column for (column,) in connection.fetch_rows(_COLUMNS, {"name": name}, columns=(str,))]
