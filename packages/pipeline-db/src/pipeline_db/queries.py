"""The store's queries on the models, compiled to SQL once for each driver."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import UnionType

from peewee import SQL, Context, Node, Query, Table, fn

from .models import Batch, ProcessedRecord, ProcessingBatch, RejectedRecord, get_table_name

LOADED = "loaded"
FINALIZED = "finalized"

NAMED = ":{}"
"""Placeholders like ``:id``, for SQLite."""

PYFORMAT = "%({})s"
"""Placeholders like ``%(id)s``, for psycopg."""


@dataclass(eq=False)  # Peewee compares nodes to make SQL
class Parameter(Node):
    """A named value of a query, passed when the query is executed."""

    name: str

    def __sql__(self, ctx: Context) -> Context:
        """Write the placeholder in the driver's style."""
        return ctx.literal(ctx.state.param.format(self.name))


@dataclass(frozen=True, eq=False)
class Statement:
    """A query compiled once for each style of placeholders (PEP 249, ``paramstyle``).

    Peewee takes 0.1 to 0.3 ms to compile one of these queries; executing it takes a hundredth of that.

    Args:
        query: the query.
        columns: the type of each column of its rows, as a server must return it.
        has_row: whether there is always a row.
        is_slow: whether it reads many rows.
    """

    query: Query
    columns: tuple[type | UnionType, ...] = ()
    has_row: bool = False
    is_slow: bool = False

    @cache  # noqa: B019  # statements are constants of this module
    def compile(self, placeholder: str) -> str:
        """Return the SQL with placeholders in the driver's style, such as `NAMED`."""
        sql, values = Context(param=placeholder).parse(self.query)
        if values:
            raise ValueError(f"a query of the store contains values instead of parameters: {values}")
        return str(sql)


def quote_name(name: str) -> str:
    """Quote the name of a table or a column."""
    return '"' + name.replace('"', '""') + '"'


def _assign(*columns: str) -> dict[str, Parameter]:
    """Return assignments to columns, each from the parameter of the same name."""
    return {column: Parameter(column) for column in columns}


SUMS = ("read_count", "rejected_count", "blank_count", "dropped_count")
"""The counts of a batch of rows besides its records; all NULL for lines."""

INSERT_BATCH = Statement(
    ProcessingBatch.insert(
        _assign(
            *("source", "source_name", "records_sha256", "record_count", "status", "created_at", "run_id"),
            *("target", "schema_name", "schema_fingerprint", *SUMS),
        )
    )
)

UPDATE_RECORDS_HASH = Statement(
    ProcessingBatch.update(_assign("records_sha256", "record_count")).where(
        ProcessingBatch.id == Parameter("id")
    )
)
"""Set the hash and the number of a batch's records, which were unknown when it was inserted."""

FIND_EARLIER_BATCH = Statement(
    ProcessingBatch.select(
        ProcessingBatch.id,
        ProcessingBatch.status,
        ProcessingBatch.record_count,
        ProcessingBatch.rejected_count,
    )
    .where(
        ProcessingBatch.source == Parameter("source"),
        ProcessingBatch.records_sha256 == Parameter("records_sha256"),
        ProcessingBatch.target == Parameter("target"),
    )
    .order_by(ProcessingBatch.status == Parameter("finalized"), ProcessingBatch.id.desc()),
    (int, str, int, int | None),
)
"""Find batches with the same source, records and target: unfinished ones first, then the newest."""

FIND_BATCH = Statement(
    ProcessingBatch.select(
        ProcessingBatch.status,
        ProcessingBatch.record_count,
        ProcessingBatch.rejected_count,
        ProcessingBatch.target,
    ).where(ProcessingBatch.id == Parameter("id")),
    (str, int, int | None, str),
)


def split_target(target: str) -> list[str]:
    """Return the tables of a batch."""
    return target.split("+")


@cache
def count_rows(table: str) -> Statement:
    """Return the statement that counts the rows of a batch in a table."""
    rows = Table(table)
    count = rows.select(fn.COUNT(SQL("*"))).where(rows.c.batch_id == Parameter("id"))
    return Statement(count, (int,), has_row=True, is_slow=True)


FINALIZE_BATCH = Statement(
    ProcessingBatch.update(_assign("status", "finalized_at")).where(ProcessingBatch.id == Parameter("id"))
)

PROVE_LOAD = Statement(
    ProcessingBatch.select(ProcessingBatch.id).where(
        ProcessingBatch.id == Parameter("id"),
        ProcessingBatch.source == Parameter("source"),
        ProcessingBatch.created_at == Parameter("created_at"),
    ),
    (int,),
)
"""Find the batch that one particular load inserted."""

PROVE_FINALIZE = Statement(
    ProcessingBatch.select(ProcessingBatch.id).where(
        ProcessingBatch.id == Parameter("id"), ProcessingBatch.finalized_at == Parameter("finalized_at")
    ),
    (int,),
)
"""Find the batch that one particular call finalized."""

COUNT_BATCHES = Statement(
    ProcessingBatch.select(ProcessingBatch.status, fn.COUNT(SQL("*"))).group_by(ProcessingBatch.status),
    (str, int),
)
"""Count the batches of each status."""

_BATCHES = ProcessingBatch.select(*(getattr(ProcessingBatch, name) for name in Batch._fields))
_BATCH_COLUMNS: tuple[type | UnionType, ...] = (
    *(int, str, str, int, str, datetime, datetime | None, str | None, str, str | None),
    *[int | None] * len(SUMS),
)

FIND_BATCHES = Statement(_BATCHES.order_by(ProcessingBatch.id), _BATCH_COLUMNS)

READ_BATCH = Statement(_BATCHES.where(ProcessingBatch.id == Parameter("id")), _BATCH_COLUMNS)

READ_RECORDS = Statement(
    ProcessedRecord.select(ProcessedRecord.line_number, ProcessedRecord.content)
    .where(ProcessedRecord.batch == Parameter("id"), ProcessedRecord.line_number > Parameter("after"))
    .order_by(ProcessedRecord.line_number)
    .limit(Parameter("limit")),
    (int, str),
)
"""Read the next records of a batch, in the order of their lines."""

READ_REJECTS = Statement(
    RejectedRecord.select(
        *(RejectedRecord.line_number, RejectedRecord.job, RejectedRecord.kind, RejectedRecord.column_name),
        *(RejectedRecord.reason, RejectedRecord.raw_row, RejectedRecord.resolved_by),
    )
    .where(RejectedRecord.batch == Parameter("id"), RejectedRecord.line_number > Parameter("after"))
    .order_by(RejectedRecord.line_number)
    .limit(Parameter("limit")),
    (int, str, str, str | None, str, str, int | None),
)
"""Read the next rejects of a batch, in the order of their lines."""

FIND_SUMS = Statement(
    ProcessingBatch.select(
        *(ProcessingBatch.id, ProcessingBatch.target),
        *(ProcessingBatch.record_count, ProcessingBatch.rejected_count),
    ).where(ProcessingBatch.read_count >= ProcessingBatch.record_count),
    (int, str, int, int),
)
"""Find the batches of typed rows; the counts of others are NULL."""


@cache
def count_rows_by_batch(table: str) -> Statement:
    """Return the statement that counts the typed rows in a table, or the rejects, of each batch."""
    rows = Table(table)
    query = rows.select(rows.c.batch_id, fn.COUNT(SQL("*"))).group_by(rows.c.batch_id)
    if table == get_table_name(ProcessedRecord):  # which has lines too
        typed = ProcessingBatch.select(ProcessingBatch.id)
        typed = typed.where(ProcessingBatch.read_count >= ProcessingBatch.record_count)
        query = query.where(rows.c.batch_id.in_(typed))
    return Statement(query, (int, int))


NEWEST_BATCHES = Statement(
    ProcessingBatch.select(ProcessingBatch.id)
    .where(ProcessingBatch.status == Parameter("status"))
    .order_by(ProcessingBatch.id.desc())
    .limit(Parameter("limit")),
    (int,),
)
"""Find the newest batches of a status."""
