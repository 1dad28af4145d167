"""The three jobs over every file of FOLDER on `json`, `os` and `sqlite3` alone, as durable as ours.

Usage: python bare_files.py JOURNAL SYNCHRONOUS FOLDER

JOURNAL and SYNCHRONOUS are values of SQLite's pragmas, such as DELETE and EXTRA.
"""

import json
import os
import sys
import time
from pathlib import Path

from tables import connect, finalize, load


def main(journal: str, synchronous: str, folder: str) -> None:
    """Run the jobs, and print the seconds that they took."""
    paths = sorted(Path(folder).iterdir())
    start = time.perf_counter()
    output = Path("output")
    output.mkdir()
    database = connect("bare.db", journal, synchronous)
    for path in paths:
        lines = path.read_text(encoding="utf-8").splitlines()
        write(output / f"{path.stem}_processed.json", lines)
        batch = load(database, path.as_uri(), path.name, list(enumerate(lines, 1)))
        finalize(database, batch)
    database.close()
    print(json.dumps({"seconds": time.perf_counter() - start}))


def write(path: Path, lines: list[str]) -> None:
    """Write records as JSON, so that after a power cut they are there whole or not at all."""
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as file:
        records = [{"line_number": number, "content": line} for number, line in enumerate(lines, 1)]
        json.dump({"records": records}, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
