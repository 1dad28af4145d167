"""The SQL that creates a model's table, its indexes and its view, as Peewee writes it for a database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from peewee import SchemaManager

from .batch_record import VIEW_PREFIX, BatchRecord
from .models import ProcessingBatch, get_meta, get_table_name
from .queries import FINALIZED, quote_name

if TYPE_CHECKING:
    from peewee import Database

    StatementsBase = Database
else:
    StatementsBase = object


class StatementRecorder(StatementsBase):
    """Mixed into a class of Peewee's databases: statements are kept in a list instead of being executed."""

    def __init__(self) -> None:
        super().__init__(None)
        self.statements: list[str] = []

    def execute_sql(self, sql: str, params: Sequence[object] | None = None, *_: object) -> Any:  # noqa: ANN401  # as Peewee has it
        """Keep a statement."""
        if params:
            raise TypeError(f"a table is created by a statement with values: {sql}")
        self.statements.append(sql)


def list_table_statements(model: type[BatchRecord], recorder: StatementRecorder) -> list[str]:
    """Return the statements that create a table and its indexes."""
    SchemaManager(model, database=recorder).create_all(safe=False)
    return recorder.statements


def list_view_statements(model: type[BatchRecord]) -> list[str]:
    """Return the statements that create the view of finalized rows, in place of an older one."""
    table, view = quote_name(get_table_name(model)), quote_name(get_view_name(model))
    batches = quote_name(get_table_name(ProcessingBatch))
    columns = ", ".join(f"{table}.{quote_name(name)}" for name in list_columns(model))
    joined = f"{table} JOIN {batches} ON {batches}.id = {table}.batch_id"
    select = f"SELECT {columns} FROM {joined} WHERE {batches}.status = '{FINALIZED}'"  # noqa: S608  # quoted
    return [f"DROP VIEW IF EXISTS {view}", f"CREATE VIEW {view} AS {select}"]


def get_view_name(model: type[BatchRecord]) -> str:
    """Return the name of the view of a model's rows of finalized batches."""
    return f"{VIEW_PREFIX}{get_table_name(model)}"


def list_columns(model: type[BatchRecord]) -> list[str]:
    """Return the names of all columns of a model's table, in their order."""
    return [field.column_name for field in get_meta(model).sorted_fields]
