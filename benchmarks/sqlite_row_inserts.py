"""Methods to insert rows of seven columns into SQLite; the bulk insert of typed rows uses the fastest.

Usage: python benchmarks/sqlite_row_inserts.py [ROWS]

The methods run in turn, each into a new database, in one durable transaction. Measured is the CPU time of the
process, as the encoding of the next rows needs the same processor.
"""

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import batched, chain
from pathlib import Path
from statistics import median

ROUNDS = 5
CHUNK = 8_000  # rows
VARIABLES = 999  # of a statement, in any SQLite
TABLE = """
CREATE TABLE orders (
    batch_id INTEGER NOT NULL, line_number INTEGER NOT NULL,
    id INTEGER NOT NULL, customer VARCHAR(20) NOT NULL, amount DECIMAL(12, 2), placed_at DATETIME NOT NULL,
    note TEXT, weight REAL, region VARCHAR(20),
    PRIMARY KEY (batch_id, line_number)
) WITHOUT ROWID
"""
COLUMNS = 9
PLACES = f"({', '.join('?' * COLUMNS)})"
INSERT = f"INSERT INTO orders VALUES {PLACES}"  # noqa: S608  # our own constants, as below
BLOCK = VARIABLES // COLUMNS  # rows
INSERT_BLOCK = f"INSERT INTO orders VALUES {', '.join([PLACES] * BLOCK)}"  # noqa: S608
INSERT_JSON = f"""
INSERT INTO orders SELECT {", ".join(f"value ->> {n}" for n in range(COLUMNS))} FROM json_each(?)
"""  # noqa: S608

type Rows = Sequence[tuple[object, ...]]
type Method = Callable[[sqlite3.Connection, Rows], object]


def insert_singly(connection: sqlite3.Connection, rows: Rows) -> None:
    """Execute a statement for each row."""
    connection.executemany(INSERT, rows)


def insert_blocks(connection: sqlite3.Connection, rows: Rows) -> None:
    """Execute a statement for as many rows as it has variables for."""
    blocks = [*batched(rows, BLOCK)]
    rest = blocks.pop() if len(blocks[-1]) < BLOCK else ()
    connection.executemany(INSERT_BLOCK, [list(chain.from_iterable(block)) for block in blocks])
    connection.executemany(INSERT, rest)


def insert_json(connection: sqlite3.Connection, rows: Rows) -> None:
    """Pass a chunk as JSON."""
    connection.execute(INSERT_JSON, (json.dumps(rows),))


METHODS: dict[str, Method] = {
    "row by row": insert_singly,
    f"{BLOCK} rows a statement": insert_blocks,
    "json_each": insert_json,
}


def time_method(method: Method, folder: Path, rows: Rows) -> float:
    """Return the CPU seconds that a method takes for all rows."""
    path = folder / "orders.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute(TABLE)
        start = time.process_time()
        connection.execute("BEGIN IMMEDIATE")
        for chunk in batched(rows, CHUNK):
            method(connection, chunk)
        connection.execute("COMMIT")
        took = time.process_time() - start
        (found,) = connection.execute("SELECT count(*) FROM orders").fetchone()
    path.unlink()
    if found != len(rows):
        sys.exit(f"{method.__name__}: {found:,} rows, not {len(rows):,}")
    return took


def make_row(number: int) -> tuple[object, ...]:
    """Make a row, of which a part is null."""
    note = None if number % 4 == 0 else f'a, "quoted"\nnote {number}'
    region = None if number % 4 == 1 else "north"
    amount = f"{number % 100_000 / 100:.2f}"
    key = (1, number, number, f"customer {number % 1000}")
    return (*key, amount, "2026-01-02 03:04:05", note, number / 7, region)


def main(count: str = "1000000") -> None:
    """Run every method in turn, and print the medians."""
    rows = [make_row(number) for number in range(1, int(count) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        rounds = [
            {name: time_method(method, Path(folder), rows) for name, method in METHODS.items()}
            for _ in range(ROUNDS)
        ]
    for name in METHODS:
        times = [each[name] * 1e6 / len(rows) for each in rounds]
        print(f"{name:22} {median(times):6.2f} µs a row ({min(times):.2f}-{max(times):.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
