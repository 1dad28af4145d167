"""What showing progress costs: processor time of runs with a bar on the terminal and without, in turn.

Usage: python benchmarks/progress.py INPUT [ROUNDS]

Needs the four packages, and standard error on a terminal. Processor time varies less than that of a clock.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pipeline_cli.progress import ProgressReport
from pipeline_orchestration import PipelineRunner


def processor_seconds(source: Path, *, shown: bool) -> float:
    """Run the pipeline into a new folder, and return the processor time of all threads."""
    with tempfile.TemporaryDirectory() as folder, ProgressReport(bar=shown) as report:
        runner = PipelineRunner(
            engine="local",
            output_dir=Path(folder, "output"),
            db_path=Path(folder, "pipeline.db"),
            log_level="OFF",
        )
        start = time.process_time()
        (result,) = runner.run_many([source], progress=report if shown else None)
        spent = time.process_time() - start
    if not result.success:
        sys.exit(f"{result.input}: {result.error}")
    return spent


def main(source: str, rounds: str = "11") -> None:
    """Run both ways in turn, and print the medians and their ratio."""
    if not sys.stderr.isatty():
        sys.exit("standard error is no terminal: there would be no bar")
    processor_seconds(Path(source), shown=True)  # imports what a bar takes
    pairs = [
        (processor_seconds(Path(source), shown=True), processor_seconds(Path(source), shown=False))
        for _ in range(int(rounds))
    ]
    for name, times in zip(("with a bar", "without"), zip(*pairs, strict=True), strict=True):
        print(f"{name:12} {median(times):.2f} s ({min(times):.2f}-{max(times):.2f})")
    print(f"{'ratio':12} {median(shown / hidden for shown, hidden in pairs):.3f}, the median of the pairs")


if __name__ == "__main__":
    main(*sys.argv[1:])
