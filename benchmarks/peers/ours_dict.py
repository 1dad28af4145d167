"""Job B alone, from records in memory.

Usage: python ours_dict.py INPUT
"""

import json
import sys
import time
from pathlib import Path

from pipeline_db import PeeweeStore
from pipeline_jobs import JobB


def main(source: str) -> None:
    """Load the lines of a file as records that are in memory, and print the seconds that loading took."""
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    records = [{"line_number": number, "content": line} for number, line in enumerate(lines, 1)]
    start = time.perf_counter()
    result = JobB(PeeweeStore("ours.db")).execute({"records": records})
    seconds = time.perf_counter() - start
    if not result.success:
        sys.exit(result.error)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
