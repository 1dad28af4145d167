"""Speedup of two hosts of one core over one host, for job A, which needs little but a core."""

import json
import os
import shutil
import time
from pathlib import Path

from cluster import Cluster

_MIN_SPEEDUP = 1.6  # times as fast with two workers as with one
_FILE_MEGABYTES = 200  # of each file; with smaller files, Prefect's own work would distort the result
_LINE = "2026-11-25T12:00:00Z sensor {:08} reports a temperature of 21.5 degrees and is well\n"
_WARM_UP_FILES = 8  # files of one line; a new worker imports its modules with them


def check_speedup(cluster: Cluster, megabytes: int, pairs: int) -> bool:
    """Split files with one worker and with two, in pairs; return whether the speedup is sufficient."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cluster.add_worker(1)
    if cores == 1 or not pairs:
        print("  speedup: not measured" + ", as this machine has one core" * (cores == 1))
        return True
    folder = cluster.folder / "big"
    _write_inputs(folder, megabytes)
    found = [_measure_pair(cluster, folder) for _ in range(pairs)]
    shutil.rmtree(folder)
    print(f"  speedup: {', '.join(f'{each:.2f}' for each in found)}; required: {_MIN_SPEEDUP}")
    return max(found) >= _MIN_SPEEDUP


def _write_inputs(folder: Path, megabytes: int) -> None:
    folder.mkdir()
    text = "".join(map(_LINE.format, range(_FILE_MEGABYTES * 1_000_000 // len(_LINE.format(0)))))
    for number in range(max(4, megabytes // _FILE_MEGABYTES)):
        (folder / f"{number:04}.txt").write_text(f"{number}\n{text}", encoding="utf-8")


def _measure_pair(cluster: Cluster, folder: Path) -> float:
    one = _measure_rate(cluster, folder, 1)
    cluster.add_worker(2)
    two = _measure_rate(cluster, folder, 2)
    cluster.kill_worker(2)
    return two / one


def _measure_rate(cluster: Cluster, folder: Path, count: int) -> float:
    """Return and print how many files per second a number of workers splits."""
    warm = [cluster.folder / f"warm-{number}.txt" for number in range(_WARM_UP_FILES)]
    for path in warm:
        path.write_text("one\n", encoding="utf-8")
    out = cluster.folder / "split"
    _time_command(cluster, "--output-dir", str(out / "warm"), "run", "--stop-after", "A", *map(str, warm))
    whole = _time_command(cluster, "--output-dir", str(out), "run", "--stop-after", "A", str(folder))
    # From the first document to the last: most of the command's own time may be the start of Prefect.
    done = sorted(path.stat().st_mtime for path in out.glob("*.json"))
    shutil.rmtree(out)
    rate = (len(done) - count) / (done[-1] - done[0])
    size = next(folder.iterdir()).stat().st_size / 1e6
    name = f"job A, {len(done)} files of {size:.0f} MB, workers of one core: {count}"
    print(f"  {name}: {size * rate:.0f} MB/s, {1 / rate:.2f} s a file; total {whole:.1f} s")
    return rate


def _time_command(cluster: Cluster, *words: str) -> float:
    start = time.monotonic()
    process = cluster.run("--log-level", "OFF", *words, "--dask-address", cluster.scheduler, "--json")
    out, err = process.communicate()
    if process.returncode:
        errors = [run["error"]["message"] for run in json.loads(out)["runs"] if run["error"]] if out else err
        raise SystemExit(f"pipeline {' '.join(words)}: exit {process.returncode}: {errors[:1]}")
    return time.monotonic() - start
