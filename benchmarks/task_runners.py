"""What each task runner of Prefect costs: to start, for a group, for a task run, for a file.

task_runners.py [--files N] [RUNNER…]       of local, in turn, threads, processes, dask, ray; two workers each

Without an API configured, all of them share the temporary server of this process. Each figure is an average
over many, which overlap.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

RUNNERS = ("local", "in turn", "threads", "processes", "dask", "ray")
_SEEN = 50  # inputs with task runs of their own
_MANY = 2_000  # inputs in groups
_REST = 30.0  # seconds in which Prefect's server writes down what came of the task runs before
_JOBS = 5
_LINES = 100


class Nothing(BaseJob[object, object]):
    """Does nothing, so that what is measured is all around it."""

    def validate_input(self, value: object) -> object:
        """Return the value."""
        return value

    def single_job(self, value: object) -> object:
        """Return the value."""
        return value


one = PipelineDefinition("one").add_job("1", lambda _run: Nothing())
several = PipelineDefinition("several")
for name in range(1, _JOBS + 1):
    several.add_job(str(name), lambda _run: Nothing())


def _seconds(runner: PipelineRunner, values: Sequence[object]) -> float:
    start = time.perf_counter()
    results = runner.run_many(values)
    seconds = time.perf_counter() - start
    failed = [result for result in results if not result.success]
    if failed:
        raise SystemExit(f"{len(failed)} failed: {failed[0].code}: {failed[0].error}")
    return seconds


def _row(name: str, files: list[Path], folder: Path) -> Iterator[str]:
    """Yield the figures of a task runner, all in milliseconds but the first."""
    settings = {
        "engine": "local" if name == "local" else "prefect",
        "task_runner": name if name not in ("local", "in turn") else None,
        "concurrency": 1 if name in ("local", "in turn") else 2,
        "log_level": "ERROR",
        "output_dir": folder / "out",
        "db_path": folder / f"{name}.db",
    }

    def runner(pipeline: str | None = None) -> PipelineRunner:
        address = f"{Path(__file__).absolute()}:{pipeline}" if pipeline else None
        return PipelineRunner(pipeline=address, **settings)

    _seconds(runner("one"), ["0"])  # what the first one imports and starts for all
    start = _seconds(runner("one"), ["0"])
    seen = _seconds(runner("one"), [str(number) for number in range(_SEEN)]) - start
    more = _seconds(runner("several"), [str(number) for number in range(_SEEN)]) - start
    if name != "local":
        time.sleep(_REST)
    many = _seconds(runner("one"), [str(number) for number in range(_MANY)]) - start
    loaded = _seconds(runner(), files)
    yield f"{start:.2f}"
    yield f"{1000 * seen / _SEEN:.1f}"
    yield f"{1000 * (more - seen) / _SEEN / (_JOBS - 1):.1f}"
    yield f"{1000 * many / _MANY:.2f}"
    yield f"{1000 * loaded / len(files):.2f}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runners", nargs="*", choices=[*RUNNERS, []], metavar="RUNNER")
    parser.add_argument("--files", type=int, default=1_000)
    given = parser.parse_args()
    print("            start   input,   task   input,    file,")
    print("              [s]  seen [ms]  run   many [ms] loaded [ms]")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = [folder / f"{number:05}.txt" for number in range(given.files)]
        for path in files:
            path.write_text("".join(f"{path.stem} {line}\n" for line in range(_LINES)), encoding="utf-8")
        for name in given.runners or RUNNERS:
            print(f"{name:10}", *(f"{figure:>8}" for figure in _row(name, files, folder)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
