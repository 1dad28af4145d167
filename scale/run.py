"""Run the pipeline on several hosts, kill one of them, and see that nothing is lost: `nox -s scale`.

run.py [--files N] [--megabytes N] [--pairs N]
"""

import argparse
import json
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from cluster import Cluster
from hosts import hosts

_WANTED = 1.6  # times as fast with two workers as with one, on two cores
_LINES = 200  # in each of the many files
_BIG = 10  # megabytes in each of the few


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s scale --", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--files", type=int, default=1000, help="small files that are loaded while a host dies"
    )
    parser.add_argument("--megabytes", type=int, default=400, help="that job A splits with one host and two")
    parser.add_argument("--pairs", type=int, default=2, help="how often that is measured")
    return parser.parse_args()


def main() -> int:
    """Run all of it; return 1 if anything is lost, or if two hosts are not enough faster than one."""
    given = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        big, small = _data(folder, given)
        with hosts(3) as made, Cluster(made, folder) as cluster:
            kind = "network namespaces" if made[0].name else "loopback"
            print(f"{len(made)} hosts in {kind}: server and scheduler on the first, a worker on each other")
            faster = _speed_up(cluster, big, given)
            whole = _with_a_loss(cluster, small)
    return 0 if whole and faster >= _WANTED else 1


def _data(folder: Path, given: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    big, small = folder / "big", folder / "small"
    for each in (big, small):
        each.mkdir()
    line = "2026-11-25T12:00:00Z sensor {:08} reports a temperature of 21.5 degrees and is well\n"
    text = "".join(map(line.format, range(_BIG * 1_000_000 // len(line.format(0)))))
    for number in range(given.megabytes // _BIG):
        (big / f"{number:04}.txt").write_text(f"{number}\n{text}", encoding="utf-8")
    for number in range(given.files):
        lines = (f"{number} {position}\n" for position in range(_LINES))
        (small / f"{number:05}.txt").write_text("".join(lines), encoding="utf-8")
    return sorted(big.iterdir()), sorted(small.iterdir())


def _timed(cluster: Cluster, *words: str) -> float:
    start = time.monotonic()
    process = cluster.run("--log-level", "OFF", *words, "--dask-address", cluster.scheduler, "--json")
    out, said = process.communicate()
    if process.returncode:
        errors = [run["error"]["message"] for run in json.loads(out)["runs"] if run["error"]] if out else said
        raise SystemExit(f"pipeline {' '.join(words)}: exit {process.returncode}: {errors[:1]}")
    return time.monotonic() - start


def _speed_up(cluster: Cluster, big: list[Path], given: argparse.Namespace) -> float:
    """Split files with one worker and with two, in pairs, and compare what each comes to in a second."""
    size = big[0].stat().st_size / 1e6
    rates: dict[int, list[float]] = {1: [], 2: []}
    warm = [str(cluster.folder / f"warm-{number}.txt") for number in range(8)]
    for each in warm:
        Path(each).write_text("one\n", encoding="utf-8")
    cluster.add_worker(1)
    for pair in range(given.pairs):
        for count, found in rates.items():
            if count == 2:
                cluster.add_worker(2)
            # Until then, a worker has much to import.
            _timed(cluster, "--output-dir", str(cluster.folder / "warm"), "run", "--stop-after", "A", *warm)
            out = cluster.folder / f"out-{pair}-{count}"
            whole = _timed(cluster, "--output-dir", str(out), "run", "--stop-after", "A", str(big[0].parent))
            # Of the command, most is Prefect's start: from the first document to the last, it is work alone.
            done = sorted(path.stat().st_mtime for path in out.glob("*.json"))
            found.append((len(done) - count) / (done[-1] - done[0]))
            rate = f"{size * found[-1]:.0f} MB/s, {1000 / found[-1]:.0f} ms a file"
            print(
                f"  job A, {len(big)} files of {size:.0f} MB, workers: {count}: {rate}; in all {whole:.1f} s"
            )
        cluster.kill_worker(2)
    speed_ups = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    print(f"  speed-up: {', '.join(f'{each:.2f}' for each in speed_ups)}; at least {_WANTED} is wanted")
    return max(speed_ups)


def _with_a_loss(cluster: Cluster, small: list[Path]) -> bool:
    """Load files with two workers, kill one in the middle, and look whether every record is there once."""
    cluster.add_worker(2)
    words = ("--log-level", "OFF", "--output-dir", str(cluster.folder / "out"))
    words += ("--db-path", str(cluster.folder / "p.db"), "run-all", str(small[0].parent), "--json")
    start = time.monotonic()
    process = cluster.run(*words, "--task-runner", "dask", "--dask-address", cluster.scheduler)
    while process.poll() is None and _loaded(cluster) < len(small) // 3:
        time.sleep(0.05)
    if process.poll() is not None:
        raise SystemExit(f"it has ended before a worker was killed:\n{process.communicate()}")
    at = _loaded(cluster)
    cluster.kill_worker(2)
    out, said = process.communicate()
    seconds = time.monotonic() - start
    codes = Counter(run["error"]["code"] for run in json.loads(out)["runs"] if run["error"]) if out else said
    again = 0
    if process.returncode:
        again = 1
        _timed(cluster, *words[:-1])
    print(f"  run-all, {len(small)} files, a worker killed after {at}: {seconds:.1f} s")
    print(f"  exit code: {process.returncode}; failed: {dict(codes) or 'none'}; run again: {again}")
    return _whole(cluster.folder / "p.db", small)


def _loaded(cluster: Cluster) -> int:
    return sum(1 for _ in (cluster.folder / "out").glob("[!.]*.json"))


def _whole(database: Path, small: list[Path]) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        batches = connection.execute("SELECT source, status, record_count FROM processing_batches").fetchall()
        contents = connection.execute(
            "SELECT count(*), count(DISTINCT content) FROM finalized_records"
        ).fetchone()
    expected = {(path.resolve().as_uri(), "finalized", _LINES) for path in small}
    whole = len(batches) == len(small) and set(batches) == expected
    whole = whole and contents == (len(small) * _LINES,) * 2
    verdict = "every record exactly once" if whole else "NOT every record exactly once"
    found = f"{len(batches)} batches, {contents[0]} records, {contents[1]} different"
    print(f"  in the database: {found}: {verdict}")
    return whole


if __name__ == "__main__":
    sys.exit(main())
