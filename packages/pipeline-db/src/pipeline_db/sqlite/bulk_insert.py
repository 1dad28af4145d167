"""Bulk insert into SQLite, past Peewee, whose `insert_many` takes ten times as long."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import length_hint, lt

import msgspec

from pipeline_db.backend import RowTable
from pipeline_db.table_statements import quote_name
from pipeline_jobs import Record
from pipeline_jobs.documents.records import MAX_INTEGER

from .exceptions import DRIVER

# SQLite takes a JSON array apart twice as fast as rows are bound one by one: benchmarks/sqlite_inserts.py
_INSERT_ARRAY = """
    INSERT INTO processed_records (batch_id, line_number, content)
    SELECT ?, ? + key, value FROM json_each(CAST(? AS TEXT))
"""
_SKIP_GAPS = "WHERE type <> 'false'"
_INSERT_ROW = "INSERT INTO processed_records (batch_id, line_number, content) VALUES (?, ?, ?)"
_MAX_LINES_PER_RECORD = 4
"""Up to this many, an array with gaps is still faster than single rows."""

_encoder = msgspec.json.Encoder()

type PreparedInsert = Callable[[sqlite3.Connection], object]


def prepare_insert(batch_id: int, records: Sequence[Record]) -> PreparedInsert:
    """Return a function that inserts records of a batch; the encoding is done before it is called.

    Each record's content becomes an element of a JSON array, whose index counts the lines from the first
    record on. A line without a record becomes ``false``, which is skipped.
    """
    numbers = [record.line_number for record in records]
    contents = [record.content for record in records]
    if not _is_dense(numbers):
        rows = list(zip(repeat(batch_id), numbers, contents))
        return lambda connection: connection.executemany(_INSERT_ROW, rows)
    first, lines = numbers[0], numbers[-1] - numbers[0] + 1
    if lines == len(contents):
        array = _encode_json(contents)
        return lambda connection: connection.execute(_INSERT_ARRAY, (batch_id, first, array))
    spread: list[str | bool] = [False] * lines
    for number, content in zip(numbers, contents, strict=True):
        spread[number - first] = content
    array = _encode_json(spread)
    return lambda connection: connection.execute(_INSERT_ARRAY + _SKIP_GAPS, (batch_id, first, array))


class ConstraintError(Exception):
    """A row breaks a constraint of its table; the text names table and line, and quotes no data."""


def prepare_rows(
    table: RowTable, batch_id: int, line_numbers: Sequence[int], columns: Sequence[Sequence[object]]
) -> PreparedInsert:
    """Return a function that inserts rows of a batch into a table."""
    names = ", ".join(map(quote_name, ("batch_id", "line_number", *table.columns)))
    places = ", ".join("?" * (len(table.columns) + 2))
    insert = f"INSERT INTO {quote_name(table.name)} ({names}) VALUES ({places})"  # noqa: S608  # quoted
    rows = list(zip(repeat(batch_id), line_numbers, *columns, strict=False))

    def execute(connection: sqlite3.Connection) -> None:
        left = iter(rows)
        try:
            connection.executemany(insert, left)
        except DRIVER.IntegrityError as error:
            line = line_numbers[len(rows) - length_hint(left) - 1]
            raise ConstraintError(f"table {table.name}, line {line}: {error}") from error

    return execute


def _encode_json(values: list[str] | list[str | bool]) -> bytearray:
    """Encode values as JSON; into a bytearray, as msgspec 0.22 crashes if it cannot allocate bytes."""
    buffer = bytearray()
    _encoder.encode_into(values, buffer)
    return buffer


def _is_dense(numbers: list[int]) -> bool:
    """Return whether line numbers increase, with few gaps."""
    if len(numbers) < 2:  # noqa: PLR2004  # a long line is a chunk of its own, too large to be copied
        return False
    return all(map(lt, numbers, numbers[1:])) and numbers[-1] <= min(
        MAX_INTEGER, numbers[0] + _MAX_LINES_PER_RECORD * len(numbers)
    )
