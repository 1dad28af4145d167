"""Tables of models in PostgreSQL."""

from peewee import PostgresqlDatabase

from pipeline_db.batch_record import BatchRecord
from pipeline_db.models import get_meta, get_table_name
from pipeline_db.queries import quote_name
from pipeline_db.table_check import Column, Table, compare_table, make_taken_error
from pipeline_db.table_statements import (
    StatementRecorder,
    get_view_name,
    list_columns,
    list_table_statements,
    list_view_statements,
)

from .connection import Connection
from .exceptions import WrongAnswerError

_WITHOUT_ROWID = " WITHOUT ROWID"  # Peewee writes it for every database
_REGCLASS = "to_regclass(quote_ident(current_schema()) || '.' || quote_ident(%(name)s))"
_COLUMNS = f"""
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = {_REGCLASS} AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""  # noqa: S608  # our own constant
_TABLE = f"""
    SELECT attname::text, format_type(atttypid, atttypmod), attnotnull,
        atthasdef OR attidentity <> '' OR attgenerated <> ''
    FROM pg_attribute WHERE attrelid = {_REGCLASS} AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""  # noqa: S608  # our own constant
_KEY = f"""
    SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
    WHERE indrelid = {_REGCLASS} AND indisprimary
"""  # noqa: S608  # our own constant


class _Recorder(StatementRecorder, PostgresqlDatabase):
    """Peewee's SQL for PostgreSQL; a `FloatField` has as many digits as in SQLite."""

    field_types = PostgresqlDatabase.field_types | {"FLOAT": "DOUBLE PRECISION"}


def has_table(connection: Connection, model: type[BatchRecord]) -> bool:
    """Return whether the table of a model is there, and its view has the same columns."""
    table = _list_columns(connection, get_table_name(model))
    return bool(table) and _list_columns(connection, get_view_name(model)) == list_columns(model)


def create_table(connection: Connection, model: type[BatchRecord]) -> None:
    """Create the table of a model with its indexes and its view, unless they are there."""
    statements = list_view_statements(model)
    if not _list_columns(connection, get_table_name(model)):
        if _list_columns(connection, get_view_name(model)):
            raise make_taken_error(model)
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


def check_table(connection: Connection, model: type[BatchRecord], where: str) -> None:
    """Compare the table of a model with the one that is there.

    Raises:
        DatabaseError: ``database.table``: they differ.
    """
    name = {"name": get_table_name(model)}
    live = connection.fetch_rows(_TABLE, name, columns=(str, str, bool, bool))
    if not live:
        return
    key = frozenset(column for (column,) in connection.fetch_rows(_KEY, name, columns=(str,)))
    expected = _describe_model(connection, model)
    compare_table(model, expected, Table([Column(*row) for row in live], key), where, _change_column)


def _describe_model(connection: Connection, model: type[BatchRecord]) -> Table:
    meta = get_meta(model)
    context = _Recorder().get_sql_context()
    kinds = [field.ddl_datatype(context).sql for field in meta.sorted_fields]
    # The server knows what it makes of the name of a type, such as `character varying(20)` of `VARCHAR(20)`.
    result = connection.execute("SELECT " + ", ".join(f"NULL::{kind}" for kind in kinds)).pgresult
    if result is None or result.nfields != len(kinds):
        raise WrongAnswerError
    types = ", ".join(f"format_type({result.ftype(n)}, {result.fmod(n)})" for n in range(len(kinds)))
    (names,) = connection.fetch_rows(f"SELECT {types}", columns=(str,) * len(kinds), has_row=True)
    columns = [
        Column(field.column_name, name, not field.null)
        for field, name in zip(meta.sorted_fields, names, strict=True)
    ]
    return Table(columns, frozenset({"batch_id", "line_number"}))


def _change_column(table: str, column: Column, filler: str | None) -> list[str]:  # noqa: ARG001  # old rows keep their values
    alter, name = (
        f"ALTER TABLE {quote_name(table)} ALTER COLUMN {quote_name(column.name)}",
        quote_name(column.name),
    )
    return [
        f"{alter} TYPE {column.kind} USING {name}::{column.kind}",
        f"{alter} {'SET' if column.is_required else 'DROP'} NOT NULL",
    ]
