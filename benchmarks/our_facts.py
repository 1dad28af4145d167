"""Print as JSON what our packages choose for a database in a folder, and the versions they use.

Usage: python -P our_facts.py FOLDER
"""

import json
import platform
import sqlite3
import sys
from pathlib import Path

from pipeline_db.sqlite.journal import choose_journal, find_file_system


def main(folder: str) -> None:
    """Print journal mode and synchronous setting, type of the file system, versions of SQLite and Python."""
    facts = {
        "journal": choose_journal(sqlite3.sqlite_version_info, Path(folder)),
        "file_system": find_file_system(Path(folder)) or "unknown",
        "sqlite": sqlite3.sqlite_version,
        "python": platform.python_version(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
