"""What it costs that Prefect runs the jobs: from the start of a command to its end, and once it is imported.

Usage: python benchmarks/prefect_cost.py [ROUNDS] [CHECKOUT …]

Needs `pipeline-cli`. Of other checkouts of this repository that are named, the packages are run in turn with
those that are installed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pipeline_orchestration.on_prefect.temporary_server import TemporaryServer

SAMPLE = Path(__file__).parents[1] / "examples/sample.txt"
PACKAGES = ("pipeline-jobs", "pipeline-db", "pipeline-orchestration", "pipeline-cli")

# Prints how long the first run on Prefect took, each further one, and each on the local engine in between.
INSIDE = f"""
import json, time
import pipeline_orchestration.on_prefect.flow
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


def environment(checkout: str | None, **variables: str) -> dict[str, str]:
    """Return the environment of a run of a checkout's packages; of none, of those that are installed."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PIPELINE_"))
    }
    sources = [str(Path(checkout) / "packages" / name / "src") for name in PACKAGES] if checkout else []
    return kept | {"DO_NOT_TRACK": "1", "PYTHONPATH": os.pathsep.join(sources)} | variables


def command(checkout: str | None, engine: str, home: Path) -> float:
    """Return how long the command takes, with a database and an output folder that are new."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(  # our own
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
            env=environment(checkout, PREFECT_HOME=str(home)),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - start


def inside(checkout: str | None, url: str, home: Path) -> dict[str, list[float]]:
    """Return how long runs take in a process that has imported Prefect, with a server that is there."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # our own
            [sys.executable, "-c", INSIDE],
            env=environment(checkout, PREFECT_HOME=str(home), PREFECT_API_URL=url),
            cwd=folder,
            capture_output=True,
            check=True,
        )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def main(rounds: str = "5", *checkouts: str) -> None:
    """Measure each in turn, and print the medians."""
    times: dict[tuple[str, str], list[float]] = {}

    def note(checkout: str | None, what: str, *seconds: float) -> None:
        times.setdefault((checkout or "installed", what), []).extend(seconds)

    with tempfile.TemporaryDirectory() as scratch:
        server = TemporaryServer()
        url = server.url({"PREFECT_HOME": f"{scratch}/server", "PREFECT_SERVER_ANALYTICS_ENABLED": "0"})
        for number in range(int(rounds)):
            for checkout in (None, *checkouts):
                home = Path(scratch, f"{number}-{Path(checkout or 'installed').name}")
                note(checkout, "command, local", command(checkout, "local", home))
                note(checkout, "command, temporary server, first start", command(checkout, "prefect", home))
                note(checkout, "command, temporary server", command(checkout, "prefect", home))
                runs = inside(checkout, url, home)
                note(checkout, "run in a process, local", *runs["local"][1:])
                note(checkout, "run in a process, server, first", runs["prefect"][0])
                note(checkout, "run in a process, server", *runs["prefect"][1:])
        server.stop()
    for (checkout, what), each in sorted(times.items(), key=lambda item: item[0][1]):
        print(f"{what:40} {median(each):7.3f} s ({min(each):.3f}-{max(each):.3f})  {checkout}")


if __name__ == "__main__":
    main(*sys.argv[1:])
