"""Records in memory into SQLite with one `executemany` on a bare connection, in one durable transaction.

Usage: python bare_dict.py JOURNAL SYNCHRONOUS INPUT
"""

import json
import sys
import time
from pathlib import Path

from tables import INSERT_BATCH, INSERT_RECORD, connect


def main(journal: str, synchronous: str, source: str) -> None:
    """Load the lines of a file as records that are in memory, and print the seconds that loading took."""
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    records = [{"line_number": number, "content": line} for number, line in enumerate(lines, 1)]
    start = time.perf_counter()
    database = connect("bare.db", journal, synchronous)
    database.execute("BEGIN IMMEDIATE")
    batch = database.execute(INSERT_BATCH, (source, "", len(records))).lastrowid
    rows = ((batch, record["line_number"], record["content"]) for record in records)
    database.executemany(INSERT_RECORD, rows)
    database.execute("COMMIT")
    database.close()
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main(*sys.argv[1:])
