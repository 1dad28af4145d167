"""Methods to insert typed rows into a table of SQLite, alone and beside a thread that prepares more of them.

Usage: python benchmarks/sqlite_row_inserts.py [ROWS]

The methods run in turn, each into a new database, in one transaction. `executemany` releases Python's lock
for each statement, and gets it back when the other thread releases it: fewer statements wait less often.
"""

import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import batched, chain, islice
from pathlib import Path
from statistics import median

from orders import make_orders

ROUNDS = 5
CHUNK = 7_000  # rows; about a megabyte of the file
TABLE = """
CREATE TABLE orders (
    batch_id INTEGER NOT NULL,
    line_number INTEGER NOT NULL,
    id INTEGER NOT NULL,
    customer VARCHAR(100) NOT NULL,
    amount DECIMAL(12, 2) NOT NULL,
    quantity INTEGER,
    placed_at DATETIME NOT NULL,
    note TEXT,
    paid INTEGER,
    PRIMARY KEY (batch_id, line_number)
) WITHOUT ROWID
"""
INSERT = "INSERT INTO orders VALUES "
PLACES = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"

type Rows = Sequence[tuple[object, ...]]
type Method = Callable[[sqlite3.Connection, Rows], object]


def insert_one_by_one(connection: sqlite3.Connection, rows: Rows) -> None:
    """Bind rows one by one."""
    connection.executemany(INSERT + PLACES, rows)


def insert_many(count: int, connection: sqlite3.Connection, rows: Rows) -> None:
    """Bind this number of rows together, and what is left one by one."""
    statement = INSERT + ", ".join([PLACES] * count)
    whole = len(rows) // count * count
    connection.executemany(statement, map(_flatten, batched(rows[:whole], count)))
    insert_one_by_one(connection, rows[whole:])


def _flatten(rows: Rows) -> list[object]:
    return list(chain.from_iterable(rows))


METHODS: dict[str, Method] = {
    "executemany": insert_one_by_one,
    "10 rows a statement": partial(insert_many, 10),
    "50 rows a statement": partial(insert_many, 50),
    "200 rows a statement": partial(insert_many, 200),
}


def make_rows(count: int) -> list[tuple[object, ...]]:
    """Return rows as they are bound: numbers as such, times and amounts as text."""
    booleans = {"true": 1, "false": 0, "": None}
    return [
        (1, number, int(order), customer, amount, quantity or None, placed_at, note or None, booleans[paid])
        for number, (order, customer, amount, quantity, placed_at, note, paid) in enumerate(
            islice(make_orders(count), 1, None), 2
        )
    ]


@contextmanager
def other_thread(rows: Rows) -> Iterator[None]:
    """Run a thread for the block that makes lists of rows, about as much work as the insert."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(0.002):
            list(map(list, rows[:CHUNK]))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def time_method(method: Method, path: Path, rows: Rows) -> float:
    """Return the seconds that a method takes for all rows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(TABLE)
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for chunk in batched(rows, CHUNK):
            method(connection, chunk)
        connection.execute("COMMIT")
        took = time.perf_counter() - start
        (found,) = connection.execute("SELECT count(*) FROM orders").fetchone()
    path.unlink()
    if found != len(rows):
        sys.exit(f"{found:,} rows, not {len(rows):,}")
    return took


def main(count: str = "1000000") -> None:
    """Run every method in turn, and print the medians in microseconds a row."""
    rows = make_rows(int(count))
    alone: dict[str, list[float]] = {name: [] for name in METHODS}
    beside: dict[str, list[float]] = {name: [] for name in METHODS}
    with tempfile.TemporaryDirectory() as folder:
        for name, method in [*METHODS.items()] * ROUNDS:
            path = Path(folder, "orders.db")
            alone[name].append(time_method(method, path, rows))
            with other_thread(rows):
                beside[name].append(time_method(method, path, rows))
    print(f"{'':22} {'alone':>8} {'beside a thread':>16}")
    for name in METHODS:
        each = [median(times[name]) / len(rows) * 1e6 for times in (alone, beside)]
        print(f"{name:22} {each[0]:5.2f} µs {each[1]:13.2f} µs")


if __name__ == "__main__":
    main(*sys.argv[1:])
