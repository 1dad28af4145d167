"""How a million records get into the table: what decided for the way that `pipeline_db.inserting` takes.

Usage: python benchmarks/inserting.py [LINES]

Needs `peewee` and `msgspec`. The ways are run in turn, each into a new database, in one durable transaction.
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
type Way = Callable[[SqliteDatabase, int, Lines], object]


class Record(Model):
    """A row, for Peewee."""

    batch_id = BigIntegerField()
    line_number = BigIntegerField()
    content = TextField()

    class Meta:
        """Where it is kept."""

        table_name = "records"
        primary_key = CompositeKey("batch_id", "line_number")


def insert_many(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Insert rows through Peewee, as many a statement as any SQLite binds."""
    rows = ((1, number, line) for number, line in enumerate(lines, first))
    fields = [Record.batch_id, Record.line_number, Record.content]
    for some in batched(rows, 10_000):
        Record.insert_many(some, fields).execute(database)


def executemany(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Bind rows one by one."""
    database.connection().executemany(ROW, enumerate(lines, first))


def json_objects(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Give SQLite a chunk as a list of objects, which is what the document holds."""
    records = [{"line_number": number, "content": line} for number, line in enumerate(lines, first)]
    database.connection().execute(OBJECTS, (encode(records),))


def json_strings(database: SqliteDatabase, first: int, lines: Lines) -> None:
    """Give SQLite a chunk as a list of strings, and count the line numbers up."""
    database.connection().execute(STRINGS, (first, encode(lines)))


WAYS: dict[str, Way] = {
    "Peewee's insert_many": insert_many,
    "executemany": executemany,
    "json_each of objects": json_objects,
    "json_each of strings": json_strings,
}


def seconds(way: Way, folder: Path, lines: Lines) -> float:
    """Return how long a way takes for all lines."""
    path = folder / "records.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"CREATE TABLE batches (id INTEGER PRIMARY KEY); {TABLE}")
    database = SqliteDatabase(str(path), pragmas={"foreign_keys": 1, "synchronous": "EXTRA"})
    start = time.perf_counter()
    with database.connection_context(), database.atomic("IMMEDIATE"):
        database.execute_sql("INSERT INTO batches VALUES (1)")
        for number, some in enumerate(batched(lines, CHUNK)):
            way(database, number * CHUNK + 1, some)
    took = time.perf_counter() - start
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("SELECT count(*) FROM records").fetchone()
    path.unlink()
    if found != len(lines):
        sys.exit(f"{way.__name__}: {found:,} rows, not {len(lines):,}")
    return took


def main(count: str = "1000000") -> None:
    """Run every way in turn, and print the medians."""
    lines = [f"{number:08d} {LINE}" for number in range(1, int(count) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        rounds = [
            {name: seconds(way, Path(folder), lines) for name, way in WAYS.items()} for _ in range(ROUNDS)
        ]
    for name in WAYS:
        times = [each[name] for each in rounds]
        print(f"{name:22} {median(times):6.2f} s ({min(times):.2f}-{max(times):.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
