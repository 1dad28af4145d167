"""The one fast path: records go into their table past Peewee, whose `insert_many` takes ten times as long."""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import lt

import msgspec

from pipeline_jobs import MAX_INTEGER, Record

# SQLite takes a chunk apart by itself, twice as fast as rows are bound one by one: benchmarks/inserting.py
_LINES = """
    INSERT INTO processed_records (batch_id, line_number, content)
    SELECT ?, ? + key, value FROM json_each(CAST(? AS TEXT))
"""
_BUT_GAPS = "WHERE type <> 'false'"
_ROWS = "INSERT INTO processed_records (batch_id, line_number, content) VALUES (?, ?, ?)"
_SPARSE = 4
"""Lines for each record up to which the gaps between cost less than they save."""

_encoder = msgspec.json.Encoder()

type Insertion = Callable[[sqlite3.Connection], object]


def insertion(batch_id: int, records: Sequence[Record]) -> Insertion:
    """Return what inserts the records of a batch, given a connection: most of the work is done by then."""
    numbers = [record.line_number for record in records]
    contents = [record.content for record in records]
    if not _dense(numbers):
        rows = list(zip(repeat(batch_id), numbers, contents))
        return lambda connection: connection.executemany(_ROWS, rows)
    first, lines = numbers[0], numbers[-1] - numbers[0] + 1
    if lines == len(contents):
        text = _json(contents)
        return lambda connection: connection.execute(_LINES, (batch_id, first, text))
    spread: list[str | bool] = [False] * lines
    for number, content in zip(numbers, contents, strict=True):
        spread[number - first] = content
    text = _json(spread)
    return lambda connection: connection.execute(_LINES + _BUT_GAPS, (batch_id, first, text))


def _json(values: list[str] | list[str | bool]) -> bytearray:
    """Return values as JSON; in a bytearray, as msgspec 0.22 crashes where there is no memory for bytes."""
    buffer = bytearray()
    _encoder.encode_into(values, buffer)
    return buffer


def _dense(numbers: list[int]) -> bool:
    """Return whether line numbers grow, with few gaps."""
    if len(numbers) < 2:  # noqa: PLR2004  # a long line is a chunk by itself, and each copy of it would be felt
        return False
    return all(map(lt, numbers, numbers[1:])) and numbers[-1] <= min(
        MAX_INTEGER, numbers[0] + _SPARSE * len(numbers)
    )
