"""The pipeline over every file of FOLDER in one run, in this process.

Usage: python ours_files.py FOLDER
"""

import json
import sys
import time
from pathlib import Path

from pipeline_orchestration import PipelineRunner


def main(folder: str) -> None:
    """Run the pipeline, and print the seconds that it took."""
    paths = sorted(Path(folder).iterdir())
    runner = PipelineRunner(engine="local")
    start = time.perf_counter()
    results = runner.run_many(paths)
    seconds = time.perf_counter() - start
    if failed := next((result for result in results if not result.success), None):
        sys.exit(f"{failed.input}: {failed.error}")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
