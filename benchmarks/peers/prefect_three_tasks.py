"""A flow of three tasks by hand, on `json` and `sqlite3`, on the Prefect server of PREFECT_API_URL.

Usage: python prefect_three_tasks.py JOURNAL SYNCHRONOUS INPUT
"""

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import tables
from prefect import flow, task


@task
def split(source: str) -> str:
    """Split a file into the records of its lines, written as JSON."""
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    records = [{"line_number": number, "content": line} for number, line in enumerate(lines, 1)]
    output = Path("records.json")
    output.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return str(output)


@task
def load(document: str, source: str, journal: str, synchronous: str) -> int:
    """Insert the records in one transaction, and return the id of their batch."""
    records = json.loads(Path(document).read_text(encoding="utf-8"))
    rows = [(record["line_number"], record["content"]) for record in records]
    with closing(tables.connect("bare.db", journal, synchronous)) as database:
        return tables.load(database, source, Path(source).name, rows)


@task
def finalize(batch: int, synchronous: str) -> None:
    """Mark the batch as finalized."""
    with closing(tables.reconnect("bare.db", synchronous)) as database:
        tables.finalize(database, batch)


@flow
def pipeline(source: str, journal: str, synchronous: str) -> None:
    """Split, load and finalize."""
    finalize(load(split(source), source, journal, synchronous), synchronous)


def main(journal: str, synchronous: str, source: str) -> None:
    """Run the flow, and print the seconds that it took."""
    start = time.perf_counter()
    pipeline(source, journal, synchronous)
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main(*sys.argv[1:])
