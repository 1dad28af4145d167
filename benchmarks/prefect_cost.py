"""Cost of running the jobs on Prefect: for a whole command, and for a run after Prefect is imported.

Usage: python benchmarks/prefect_cost.py [ROUNDS] [CHECKOUT …]

Needs `pipeline-cli`. With paths of other checkouts of this repository, their packages run in turn with the
installed ones.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pipeline_orchestration.engines.prefect.ephemeral_server import EphemeralServer

SAMPLE = Path(__file__).parents[1] / "examples/sample.txt"
PACKAGES = ("pipeline-jobs", "pipeline-db", "pipeline-orchestration", "pipeline-cli")

# Prints the seconds of the first run on each engine and of ten more, in turn.
RUNS_SCRIPT = f"""
import json, time
import pipeline_orchestration.engines.prefect.flows
from pipeline_orchestration import PipelineRunner

def seconds(engine):
    start = time.perf_counter()
    result = runners[engine].run({str(SAMPLE)!r})
    assert result.success, result.error
    return time.perf_counter() - start

runners = {{engine: PipelineRunner(engine=engine, log_level="OFF") for engine in ("local", "prefect")}}
times = {{engine: [seconds(engine)] for engine in runners}}
for _ in range(10):
    for engine in runners:
        times[engine].append(seconds(engine))
print(json.dumps(times))
"""


def build_environment(checkout: str | None, **variables: str) -> dict[str, str]:
    """Return the environment variables for the packages of a checkout; None for the installed ones."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PIPELINE_"))
    }
    sources = [str(Path(checkout) / "packages" / name / "src") for name in PACKAGES] if checkout else []
    return kept | {"DO_NOT_TRACK": "1", "PYTHONPATH": os.pathsep.join(sources)} | variables


def time_command(checkout: str | None, engine: str, home: Path) -> float:
    """Return the seconds of a command with a new database and a new output folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(  # the pipeline's own command
            [
                sys.executable,
                "-m",
                "pipeline_cli",
                "--log-level",
                "OFF",
                "--engine",
                engine,
                "run-all",
                SAMPLE,
            ],
            env=build_environment(checkout, PREFECT_HOME=str(home)),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - start


def time_runs(checkout: str | None, url: str, home: Path) -> dict[str, list[float]]:
    """Return the seconds of runs in a process that has imported Prefect, with a running server."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # the pipeline's own command
            [sys.executable, "-c", RUNS_SCRIPT],
            env=build_environment(checkout, PREFECT_HOME=str(home), PREFECT_API_URL=url),
            cwd=folder,
            capture_output=True,
            check=True,
        )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def main(rounds: str = "5", *checkouts: str) -> None:
    """Measure all in turn, and print the medians."""
    times: dict[tuple[str, str], list[float]] = {}

    def note(checkout: str | None, what: str, *seconds: float) -> None:
        times.setdefault((checkout or "installed", what), []).extend(seconds)

    with tempfile.TemporaryDirectory() as scratch:
        server = EphemeralServer()
        url = server.wait_for_url(
            {"PREFECT_HOME": f"{scratch}/server", "PREFECT_SERVER_ANALYTICS_ENABLED": "0"}
        )
        for number in range(int(rounds)):
            for checkout in (None, *checkouts):
                home = Path(scratch, f"{number}-{Path(checkout or 'installed').name}")
                note(checkout, "command, local", time_command(checkout, "local", home))
                note(
                    checkout,
                    "command, temporary server, first start",
                    time_command(checkout, "prefect", home),
                )
                note(checkout, "command, temporary server", time_command(checkout, "prefect", home))
                runs = time_runs(checkout, url, home)
                note(checkout, "run in a process, local", *runs["local"][1:])
                note(checkout, "run in a process, server, first", runs["prefect"][0])
                note(checkout, "run in a process, server", *runs["prefect"][1:])
        server.stop()
    for (checkout, what), each in sorted(times.items(), key=lambda item: item[0][1]):
        print(f"{what:40} {median(each):7.3f} s ({min(each):.3f}-{max(each):.3f})  {checkout}")


if __name__ == "__main__":
    main(*sys.argv[1:])
