"""Cost of showing progress: processor time of runs with a bar and without, in turn.

Usage: python benchmarks/progress_cost.py INPUT [ROUNDS]

Needs the four packages, and a terminal on standard error. Processor time varies less than wall time.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pipeline_cli.progress import JobProgress
from pipeline_orchestration import PipelineRunner


def measure_processor_time(source: Path, *, shown: bool) -> float:
    """Run the pipeline into a new folder, and return the processor time of all threads."""
    with tempfile.TemporaryDirectory() as folder, JobProgress(bar=shown) as report:
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
    """Run with and without a bar in turn, and print the medians and their ratio."""
    if not sys.stderr.isatty():
        sys.exit("standard error is not a terminal, so there would be no bar")
    measure_processor_time(Path(source), shown=True)  # imports what the bar needs
    pairs = [
        (measure_processor_time(Path(source), shown=True), measure_processor_time(Path(source), shown=False))
        for _ in range(int(rounds))
    ]
    for name, times in zip(("with a bar", "without"), zip(*pairs, strict=True), strict=True):
        print(f"{name:12} {median(times):.2f} s ({min(times):.2f}-{max(times):.2f})")
    print(f"{'ratio':12} {median(shown / hidden for shown, hidden in pairs):.3f}, the median of the pairs")


if __name__ == "__main__":
    main(*sys.argv[1:])
