"""How much faster two hosts of one core are than one, at what needs nothing but a core: job A."""

import json
import os
import shutil
import time
from pathlib import Path

from cluster import Cluster

_WANTED = 1.6  # times as fast with two workers as with one
_BIG = 200  # megabytes in each file: of smaller ones, what Prefect does beside job A has a share that is felt
_LINE = "2026-11-25T12:00:00Z sensor {:08} reports a temperature of 21.5 degrees and is well\n"
_WARM = 8  # files of one line, for what a new worker imports


def speed_up(cluster: Cluster, megabytes: int, pairs: int) -> bool:
    """Split files with one worker and with two, in pairs; return whether two are enough faster."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cluster.add_worker(1)
    if cores == 1 or not pairs:
        print("  speed-up: not measured" + " on the one core of this machine" * (cores == 1))
        return True
    folder = cluster.folder / "big"
    _fill(folder, megabytes)
    found = [_pair(cluster, folder) for _ in range(pairs)]
    shutil.rmtree(folder)
    print(f"  speed-up: {', '.join(f'{each:.2f}' for each in found)}; at least {_WANTED} is wanted")
    return max(found) >= _WANTED


def _fill(folder: Path, megabytes: int) -> None:
    folder.mkdir()
    text = "".join(map(_LINE.format, range(_BIG * 1_000_000 // len(_LINE.format(0)))))
    for number in range(max(4, megabytes // _BIG)):
        (folder / f"{number:04}.txt").write_text(f"{number}\n{text}", encoding="utf-8")


def _pair(cluster: Cluster, folder: Path) -> float:
    one = _rate(cluster, folder, 1)
    cluster.add_worker(2)
    two = _rate(cluster, folder, 2)
    cluster.kill_worker(2)
    return two / one


def _rate(cluster: Cluster, folder: Path, count: int) -> float:
    """Return how many files so many workers split in a second, and say so."""
    warm = [cluster.folder / f"warm-{number}.txt" for number in range(_WARM)]
    for path in warm:
        path.write_text("one\n", encoding="utf-8")
    out = cluster.folder / "split"
    _timed(cluster, "--output-dir", str(out / "warm"), "run", "--stop-after", "A", *map(str, warm))
    whole = _timed(cluster, "--output-dir", str(out), "run", "--stop-after", "A", str(folder))
    # Of the command, most may be Prefect's start: from the first document to the last, it is work alone.
    done = sorted(path.stat().st_mtime for path in out.glob("*.json"))
    shutil.rmtree(out)
    rate = (len(done) - count) / (done[-1] - done[0])
    size = next(folder.iterdir()).stat().st_size / 1e6
    name = f"job A, {len(done)} files of {size:.0f} MB, workers of one core: {count}"
    print(f"  {name}: {size * rate:.0f} MB/s, {1 / rate:.2f} s a file; in all {whole:.1f} s")
    return rate


def _timed(cluster: Cluster, *words: str) -> float:
    start = time.monotonic()
    process = cluster.run("--log-level", "OFF", *words, "--dask-address", cluster.scheduler, "--json")
    out, said = process.communicate()
    if process.returncode:
        errors = [run["error"]["message"] for run in json.loads(out)["runs"] if run["error"]] if out else said
        raise SystemExit(f"pipeline {' '.join(words)}: exit {process.returncode}: {errors[:1]}")
    return time.monotonic() - start
