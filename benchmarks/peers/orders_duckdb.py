"""DuckDB: `read_csv`, which detects the types, into a table of DuckDB's own file.

Usage: python orders_duckdb.py INPUT
"""

import sys

import duckdb


def main(source: str) -> None:
    """Load a file into a new table."""
    with duckdb.connect("orders.duckdb") as database:
        database.execute("CREATE TABLE orders AS SELECT * FROM read_csv(?)", [source])


if __name__ == "__main__":
    main(sys.argv[1])
