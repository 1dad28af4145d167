"""Tables of models in SQLite."""

import sqlite3

from peewee import SqliteDatabase

from pipeline_db.batch_record import BatchRecord
from pipeline_db.table_statements import (
    StatementRecorder,
    get_table_name,
    get_view_name,
    list_columns,
    list_table_statements,
    list_view_statements,
)

_WITHOUT_ROWID = " WITHOUT ROWID"
_COLUMNS = "SELECT name FROM pragma_table_info(?)"


class _Recorder(StatementRecorder, SqliteDatabase):
    """Peewee's SQL for SQLite."""


def create_table(connection: sqlite3.Connection, model: type[BatchRecord]) -> None:
    """Create the table of a model with its indexes and its view, unless they are there."""
    if not connection.execute(_COLUMNS, (get_table_name(model),)).fetchone():
        for statement in list_create_statements(model):
            connection.execute(statement)
    columns = [name for (name,) in connection.execute(_COLUMNS, (get_view_name(model),))]
    if columns != list_columns(model):
        for statement in list_view_statements(model):
            connection.execute(statement)


def list_create_statements(model: type[BatchRecord]) -> list[str]:
    """Return the statements that create a model's table and its indexes.

    Without a rowid, the rows of a batch are stored together in line order.
    """
    table, *indexes = list_table_statements(model, _Recorder())
    return [table.removesuffix(_WITHOUT_ROWID) + _WITHOUT_ROWID, *indexes]
