"""Bulk insert into SQLite, past Peewee, whose `insert_many` takes ten times as long."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import length_hint, lt

import msgspec

from pipeline_db.backend import RowTable
from pipeline_db.queries import quote_name
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

_MAX_VARIABLES = 999
"""Of a statement; SQLite before 3.32 allows no more."""

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
    """Return a function that inserts rows of a batch into a table.

    A statement inserts as many rows as it has variables for: it takes two thirds of the time, and the driver
    hands Python's lock over a hundredth as often, so that other threads encode the next chunk meanwhile
    (benchmarks/sqlite_row_inserts.py).
    """
    names = ", ".join(map(quote_name, ("batch_id", "line_number", *table.columns)))
    width = len(table.columns) + 2
    insert = f"INSERT INTO {quote_name(table.name)} ({names}) VALUES "  # noqa: S608  # quoted
    places = f"({', '.join('?' * width)})"
    size = max(1, _MAX_VARIABLES // width)
    # All values in one list, put there a column at a time: the fastest way to turn columns into rows.
    values: list[object] = [batch_id] * (width * len(line_numbers))
    values[1::width] = line_numbers
    for place, column in enumerate(columns, 2):
        values[place::width] = column
    rest = len(line_numbers) - len(line_numbers) % size
    blocks = [values[start : start + width * size] for start in range(0, width * rest, width * size)]
    last = values[width * rest :]
    del values

    def insert_singly(connection: sqlite3.Connection, values: list[object], first: int) -> None:
        left = iter([values[start : start + width] for start in range(0, len(values), width)])
        try:
            connection.executemany(insert + places, left)
        except DRIVER.IntegrityError as error:
            index = first + len(values) // width - length_hint(left) - 1
            text = f"table {table.name}, line {line_numbers[index]}: {error}"
            raise ConstraintError(text) from error

    def execute(connection: sqlite3.Connection) -> None:
        if blocks:
            left = iter(blocks)
            try:
                connection.executemany(insert + ", ".join([places] * size), left)
            except DRIVER.IntegrityError:
                block = len(blocks) - length_hint(left) - 1
                insert_singly(connection, blocks[block], block * size)  # to find the row
                raise
        insert_singly(connection, last, rest)

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
