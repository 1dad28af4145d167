"""The comparison of a model with the table that is there, and the statements that would mend a difference."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from peewee import BlobField, CharField, DateField, DateTimeField, Field, TextField, TimeField, UUIDField

from pipeline_jobs.escaping import escape

from .batch_record import BatchRecord
from .exceptions import DatabaseError
from .models import get_meta, get_table_name
from .queries import quote_name
from .row_types import resolve_field
from .table_statements import get_view_name

_FILLERS: dict[type[Field], str] = {
    TextField: "",
    CharField: "",
    BlobField: "",
    DateTimeField: "1970-01-01 00:00:00",
    DateField: "1970-01-01",
    TimeField: "00:00:00",
    UUIDField: "0" * 32,
}
"""Values for rows that were loaded before their column was added; a number is 0."""


class Column(NamedTuple):
    """A column of a table.

    Args:
        name: of the column.
        kind: its type, as the database writes it.
        is_required: whether it takes no null.
        has_default: whether it has a default.
    """

    name: str
    kind: str
    is_required: bool
    has_default: bool = False


class Table(NamedTuple):
    """A table, as it is or as it should be.

    Args:
        columns: in their order.
        key: the columns of the primary key.
    """

    columns: Sequence[Column]
    key: frozenset[str]


type ChangeColumn = Callable[[str, Column, str | None], list[str]]
"""Returns the statements that change the type of a column, and whether it takes null.

Called with the name of the table, the column as it should be, and a value for old rows.
"""


def compare_table(
    model: type[BatchRecord], expected: Table, live: Table, where: str, change_column: ChangeColumn
) -> None:
    """Compare the table of a model with the one that is there.

    Args:
        model: of the table.
        expected: the table as it would be created.
        live: the table as it is; without columns, there is none yet.
        where: the database in messages.
        change_column: returns the statements that change a column.

    Raises:
        DatabaseError: ``database.table``: they differ; the message has the statements that would mend it.
    """
    if not live.columns:
        return
    name = get_table_name(model)
    table = quote_name(name)
    if live.key != expected.key:
        fault = f"its primary key is not {' and '.join(sorted(expected.key))}"
        raise _make_error(
            model, where, [fault], [f"ALTER TABLE {table} RENAME TO {quote_name(f'{name}_old')}"]
        )
    known = {column.name.lower(): column for column in live.columns}
    fillers = {field.column_name: _make_filler(field) for field in get_meta(model).sorted_fields}
    faults: list[str] = []
    statements: list[str] = []
    for column in expected.columns:
        found = known.pop(column.name.lower(), None)
        filler = fillers[column.name] if column.is_required else None
        if found is None:
            faults.append(f"it lacks the column {escape(column.name)}")
            statements.append(f"ALTER TABLE {table} ADD COLUMN {describe_column(column, filler)}")
        elif (found.kind, found.is_required) != (column.kind, column.is_required):
            faults.append(f"{escape(column.name)} is {_describe_kind(found)}, not {_describe_kind(column)}")
            statements += change_column(name, column, filler)
    for column in known.values():
        if column.is_required and not column.has_default:
            faults.append(f"{escape(column.name)} takes no null, and the model has no such field")
            statements += change_column(name, column._replace(is_required=False), None)
    if faults:
        # It depends on the columns; the next load makes it again.
        view = f"DROP VIEW IF EXISTS {quote_name(get_view_name(model))}"
        raise _make_error(model, where, faults, [view, *statements])


def describe_column(column: Column, filler: str | None) -> str:
    """Return the definition of a column; old rows get the filler, if there is one."""
    definition = f"{quote_name(column.name)} {column.kind}".rstrip()
    return definition if filler is None else f"{definition} NOT NULL DEFAULT '{filler}'"


def _make_error(
    model: type[BatchRecord], where: str, faults: Sequence[str], statements: Sequence[str]
) -> DatabaseError:
    text = f"{where}: the table {get_table_name(model)} differs from {model.__name__}: {'; '.join(faults)}"
    hint = "Change the model; or, after a look at the old values, the table with"
    return DatabaseError("database.table", f"{text}. {hint}: {'; '.join(statements)};")


def make_taken_error(model: type[BatchRecord]) -> DatabaseError:
    """Make the error for a view or a table of another program in the place of a model's view."""
    view = escape(get_view_name(model))
    text = f"{view} is there already, and the table of {model.__name__} is not"
    return DatabaseError("database.table", f"{text}; rename {view}, or the table in the model")


def _describe_kind(column: Column) -> str:
    return f"{column.kind or 'of any type'} {'NOT NULL' if column.is_required else 'NULL'}"


def _make_filler(field: Field) -> str:
    own = resolve_field(field)
    return next((_FILLERS[kind] for kind in type(own).__mro__ if kind in _FILLERS), "0")
