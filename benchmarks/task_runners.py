"""Cost of each task runner of Prefect: to start, for a group, for a task run, for a file.

task_runners.py [--files N] [RUNNER…]       local, in turn, threads, processes, dask, ray; two workers each

Without a configured API, all of them share the temporary server of this process. Each figure is an average
over many inputs, which overlap.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

RUNNERS = ("local", "in turn", "threads", "processes", "dask", "ray")
_FEW = 50  # inputs that have task runs of their own
_MANY = 2_000  # inputs in groups
_PAUSE = 30.0  # seconds in which Prefect's server stores the results of the task runs before
_JOBS = 5
_LINES = 100


class Nothing(BaseJob[object, object]):
    """A job that does nothing, so that only the cost around it is measured."""

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


def _time_runs(runner: PipelineRunner, values: Sequence[object]) -> float:
    start = time.perf_counter()
    results = runner.run_many(values)
    seconds = time.perf_counter() - start
    failed = [result for result in results if not result.success]
    if failed:
        raise SystemExit(f"{len(failed)} failed: {failed[0].code}: {failed[0].error}")
    return seconds


def _measure_runner(name: str, files: list[Path], folder: Path) -> Iterator[str]:
    """Yield the figures of a task runner: the first in seconds, the others in milliseconds."""
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

    _time_runs(runner("one"), ["0"])  # the first run imports and starts what all need
    start = _time_runs(runner("one"), ["0"])
    seen = _time_runs(runner("one"), [str(number) for number in range(_FEW)]) - start
    more = _time_runs(runner("several"), [str(number) for number in range(_FEW)]) - start
    if name != "local":
        time.sleep(_PAUSE)
    many = _time_runs(runner("one"), [str(number) for number in range(_MANY)]) - start
    loaded = _time_runs(runner(), files)
    yield f"{start:.2f}"
    yield f"{1000 * seen / _FEW:.1f}"
    yield f"{1000 * (more - seen) / _FEW / (_JOBS - 1):.1f}"
    yield f"{1000 * many / _MANY:.2f}"
    yield f"{1000 * loaded / len(files):.2f}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runners", nargs="*", choices=[*RUNNERS, []], metavar="RUNNER")
    parser.add_argument("--files", type=int, default=1_000)
    arguments = parser.parse_args()
    print("            start   input,   task   input,    file,")
    print("              [s]  seen [ms]  run   many [ms] loaded [ms]")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = [folder / f"{number:05}.txt" for number in range(arguments.files)]
        for path in files:
            path.write_text("".join(f"{path.stem} {line}\n" for line in range(_LINES)), encoding="utf-8")
        for name in arguments.runners or RUNNERS:
            print(
                f"{name:10}", *(f"{figure:>8}" for figure in _measure_runner(name, files, folder)), flush=True
            )


if __name__ == "__main__":
    main()
