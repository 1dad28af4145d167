"""Tables of models in SQLite."""

import sqlite3
from contextlib import closing

from peewee import SqliteDatabase

from pipeline_db.batch_record import BatchRecord
from pipeline_db.models import get_table_name
from pipeline_db.queries import quote_name
from pipeline_db.table_check import Column, Table, compare_table, describe_column, make_taken_error
from pipeline_db.table_statements import (
    StatementRecorder,
    get_view_name,
    list_columns,
    list_table_statements,
    list_view_statements,
)

from .exceptions import DRIVER

_WITHOUT_ROWID = " WITHOUT ROWID"
_COLUMNS = "SELECT name FROM pragma_table_info(?)"

_INDEXES = """
    SELECT DISTINCT indexes.name FROM pragma_index_list(?) AS indexes
    JOIN pragma_index_info(indexes.name) AS columns
    WHERE indexes.origin = 'c' AND columns.name = ?
"""


class _Recorder(StatementRecorder, SqliteDatabase):
    """Peewee's SQL for SQLite."""


def create_table(connection: sqlite3.Connection, model: type[BatchRecord]) -> None:
    """Create the table of a model with its indexes and its view, unless they are there."""
    columns = [name for (name,) in connection.execute(_COLUMNS, (get_view_name(model),))]
    if not connection.execute(_COLUMNS, (get_table_name(model),)).fetchone():
        if columns:
            raise make_taken_error(model)
        for statement in list_create_statements(model):
            connection.execute(statement)
    if columns != list_columns(model):
        for statement in list_view_statements(model):
            connection.execute(statement)


def list_create_statements(model: type[BatchRecord]) -> list[str]:
    """Return the statements that create a model's table and its indexes.

    Without a rowid, the rows of a batch are stored together in line order.
    """
    table, *indexes = list_table_statements(model, _Recorder())
    return [table.removesuffix(_WITHOUT_ROWID) + _WITHOUT_ROWID, *indexes]


def check_table(connection: sqlite3.Connection, model: type[BatchRecord], where: str) -> None:
    """Compare the table of a model with the one that is there.

    Raises:
        DatabaseError: ``database.table``: they differ.
    """
    create = list_create_statements(model)
    with closing(DRIVER.connect(":memory:")) as empty:
        for statement in create:
            empty.execute(statement)
        expected = _describe_table(empty, model)
    _, *indexes = create

    def change_column(table: str, column: Column, filler: str | None) -> list[str]:
        """Let a new column take its place, as SQLite cannot change one, and make its indexes again."""
        alter, old = f"ALTER TABLE {quote_name(table)}", quote_name(f"{column.name}_old")
        name = quote_name(column.name)
        known = [statement for statement in indexes if name in statement.partition(" ON ")[2]]
        dropped = [
            f"DROP INDEX IF EXISTS {quote_name(index)}"
            for (index,) in connection.execute(_INDEXES, (table, column.name))
        ]
        return [
            *dropped,
            f"{alter} RENAME COLUMN {name} TO {old}",
            f"{alter} ADD COLUMN {describe_column(column, filler)}",
            f"UPDATE {quote_name(table)} SET {name} = {old}",  # noqa: S608  # quoted
            f"{alter} DROP COLUMN {old}",
            *known,
        ]

    compare_table(model, expected, _describe_table(connection, model), where, change_column)


def _describe_table(connection: sqlite3.Connection, model: type[BatchRecord]) -> Table:
    rows = connection.execute(
        'SELECT name, type, "notnull" OR pk, dflt_value IS NOT NULL, pk FROM pragma_table_info(?)',
        (get_table_name(model),),
    ).fetchall()
    columns = [
        Column(name, _find_affinity(kind), bool(is_required), bool(has_default))
        for name, kind, is_required, has_default, _ in rows
    ]
    return Table(columns, frozenset(row[0] for row in rows if row[-1]))


def _find_affinity(kind: str) -> str:
    """Return what SQLite makes of the name of a type, without its length (https://sqlite.org/datatype3.html)."""
    upper = kind.upper()
    return next((name for parts, name in _AFFINITIES if any(part in upper for part in parts)), "NUMERIC")


_AFFINITIES = (
    (("INT",), "INTEGER"),
    (("CHAR", "CLOB", "TEXT"), "TEXT"),
    (("BLOB",), "BLOB"),
    (("REAL", "FLOA", "DOUB"), "REAL"),
)
