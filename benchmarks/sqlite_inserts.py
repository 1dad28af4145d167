"""Methods to insert a million records into SQLite; the bulk insert uses the fastest.

Usage: python benchmarks/sqlite_inserts.py [LINES]

Needs `peewee` and `msgspec`. The methods run in turn, each into a new database, in one durable transaction.
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import batched
from pathlib import Path
from statistics import median

import msgspec
from peewee import BigIntegerField, CompositeKey, Model, SqliteDatabase, TextField

ROUNDS = 5
CHUNK = 10_000  # records
LINE = "a line of text of the length that a line of text has, more or less"
TABLE = """
CREATE TABLE records (
    batch_id INTEGER NOT NULL REFERENCES batches (id),
    line_number INTEGER NOT NULL CHECK (line_number > 0),
    content TEXT NOT NULL,
    PRIMARY KEY (batch_id, line_number)
) WITHOUT ROWID
"""
ROW = "INSERT INTO records (batch_id, line_number, content) VALUES (1, ?, ?)"
STRINGS = """
INSERT INTO records (batch_id, line_number, content)
SELECT 1, ? + key, value FROM json_each(CAST(? AS TEXT))
"""
OBJECTS = """
INSERT INTO records (batch_id, line_number, content)
SELECT 1, value ->> 'line_number', value ->> 'content' FROM json_each(CAST(? AS TEXT))
"""

encode = msgspec.json.Encoder().encode

type Lines = Sequence[str]
type Method = Callable[[SqliteDatabase, int, Lines], object]


class Record(Model):
    """A row of the table, as a Peewee model."""

    batch_id = BigIntegerField()
    line_number = BigIntegerField()
    content = TextField()

    class Meta:
        """Table and primary key."""

        table_name = "records"
        primary_key = CompositeKey("batch_id", "line_number")


def insert_many(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Insert rows with Peewee, as many in a statement as every SQLite can bind."""
    rows = ((1, number, line) for number, line in enumerate(lines, first))
    fields = [Record.batch_id, Record.line_number, Record.content]
    for chunk in batched(rows, 10_000):
        Record.insert_many(chunk, fields).execute(database)


def insert_with_executemany(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Bind rows one by one."""
    database.connection().executemany(ROW, enumerate(lines, first))


def insert_json_objects(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Pass a chunk as a JSON list of objects, as in the document."""
    records = [{"line_number": number, "content": line} for number, line in enumerate(lines, first)]
    database.connection().execute(OBJECTS, (encode(records),))


def insert_json_strings(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Pass a chunk as a JSON list of strings; the statement counts the line numbers."""
    database.connection().execute(STRINGS, (first, encode(lines)))


METHODS: dict[str, Method] = {
    "Peewee's insert_many": insert_many,
    "executemany": insert_with_executemany,
    "json_each of objects": insert_json_objects,
    "json_each of strings": insert_json_strings,
}


def time_method(method: Method, folder: Path, lines: Lines) -> float:
    """Return the seconds that a method takes for all lines."""
    path = folder / "records.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"CREATE TABLE batches (id INTEGER PRIMARY KEY); {TABLE}")
    database = SqliteDatabase(str(path), pragmas={"foreign_keys": 1, "synchronous": "EXTRA"})
    start = time.perf_counter()
    with database.connection_context(), database.atomic("IMMEDIATE"):
        database.execute_sql("INSERT INTO batches VALUES (1)")
        for number, chunk in enumerate(batched(lines, CHUNK)):
            method(database, number * CHUNK + 1, chunk)
    took = time.perf_counter() - start
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("SELECT count(*) FROM records").fetchone()
    path.unlink()
    if found != len(lines):
        sys.exit(f"{method.__name__}: {found:,} rows, not {len(lines):,}")
    return took


def main(count: str = "1000000") -> None:
    """Run every method in turn, and print the medians."""
    lines = [f"{number:08d} {LINE}" for number in range(1, int(count) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        rounds = [
            {name: time_method(method, Path(folder), lines) for name, method in METHODS.items()}
            for _ in range(ROUNDS)
        ]
    for name in METHODS:
        times = [each[name] for each in rounds]
        print(f"{name:22} {median(times):6.2f} s ({min(times):.2f}-{max(times):.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
