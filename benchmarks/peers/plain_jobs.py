"""Three jobs on `json` and `sqlite3` alone, for the frameworks that bring no loader of their own."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

DATABASE = "plain.db"


def split(source: str) -> str:
    """Split a file into the records of its lines, written as JSON, and return where."""
    with Path(source).open(encoding="utf-8") as lines:
        records = [
            {"line_number": number, "content": line.rstrip("\n")} for number, line in enumerate(lines, 1)
        ]
    output = Path("records.json").absolute()
    with output.open("w", encoding="utf-8") as file:
        json.dump(records, file, ensure_ascii=False)
    return str(output)


def load(document: str) -> int:
    """Insert the records of a document in one transaction, and return the id of their batch."""
    with Path(document).open(encoding="utf-8") as file:
        records = json.load(file)
    with closing(sqlite3.connect(Path(document).with_name(DATABASE))) as database, database:
        database.execute("CREATE TABLE batches (id INTEGER PRIMARY KEY, status TEXT)")
        database.execute("CREATE TABLE records (batch INTEGER, line_number INTEGER, content TEXT)")
        batch = database.execute("INSERT INTO batches (status) VALUES ('loaded')").lastrowid
        rows = ((batch, record["line_number"], record["content"]) for record in records)
        database.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
    return int(batch or 0)


def finalize(batch: int) -> int:
    """Mark a batch as finalized, and return its id."""
    with closing(sqlite3.connect(DATABASE)) as database, database:
        database.execute("UPDATE batches SET status = 'finalized' WHERE id = ?", (batch,))
    return batch
