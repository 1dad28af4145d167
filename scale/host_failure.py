"""Failure of a host while files are loaded: every record must be in the database exactly once."""

import json
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

from cluster import Cluster
from database import find_password

_LINES = 200  # in each file
_BATCHES = "SELECT source, status, record_count FROM processing_batches"
_RECORDS = "SELECT count(*), count(DISTINCT content) FROM finalized_records"
_EMPTY = "TRUNCATE processing_batches, processed_records"


def check_host_failures(cluster: Cluster, files: int, losses: int) -> bool:
    """Load files with two workers and kill one, each time later; return whether all records are there."""
    small = cluster.folder / "small"
    small.mkdir()
    for number in range(files):
        lines = (f"{number} {position}\n" for position in range(_LINES))
        (small / f"{number:05}.txt").write_text("".join(lines), encoding="utf-8")
    whole = True
    for number in range(1, losses + 1):
        cluster.add_worker(2)
        # The last time, its host leaves the network first, if the hosts have networks of their own.
        notified = number < losses or not cluster.hosts[0].name
        _load_with_failure(cluster, small, files * number // (losses + 1), notified=notified)
        whole = _check_records(cluster, small) and whole
        cluster.query(_EMPTY)
        shutil.rmtree(cluster.folder / "out")
    found = find_password(cluster.database.password, cluster.folder)
    print(f"  files of the programs that contain the password of the database: {found or 'none'}")
    return whole and not found


def _load_with_failure(cluster: Cluster, small: Path, when: int, *, notified: bool) -> None:
    """Run the command, kill a worker after `when` files, and print the result."""
    out = cluster.folder / "out"
    options = ("--task-runner", "dask", "--dask-address", cluster.scheduler)
    words = ("--log-level", "OFF", "--output-dir", str(out), "run-all", str(small), "--json", *options)
    start = time.monotonic()
    process = cluster.run(*words)
    while process.poll() is None and _count_documents(out) < when:
        time.sleep(0.05)
    if process.poll() is not None:
        raise SystemExit(f"the command ended before a worker was killed:\n{process.communicate()}")
    at = _count_documents(out)
    cluster.kill_worker(2, notified=notified)
    output = process.communicate()
    how = "" if notified else ", its host off the network,"
    seconds = time.monotonic() - start
    result = _describe_result(process, *output)
    print(f"  run-all, a worker killed{how} after {at} files: {seconds:.1f} s: {result}")
    if process.returncode:
        again = cluster.run(*words)
        print(f"  run again: {_describe_result(again, *again.communicate())}")


def _count_documents(out: Path) -> int:
    return sum(1 for _ in out.glob("[!.]*.json"))


def _describe_result(process: subprocess.Popen[str], out: str, err: str) -> str:
    codes = Counter(run["error"]["code"] for run in json.loads(out)["runs"] if run["error"]) if out else err
    return f"exit code {process.returncode}, failed: {codes or 'none'}"


def _check_records(cluster: Cluster, small: Path) -> bool:
    batches, [[count, different]] = cluster.query(_BATCHES, _RECORDS)
    files = list(small.iterdir())
    expected = {(path.resolve().as_uri(), "finalized", _LINES) for path in files}
    whole = len(batches) == len(files) and set(map(tuple, batches)) == expected
    whole = whole and count == different == len(files) * _LINES
    verdict = "every record exactly once" if whole else "NOT every record exactly once"
    print(f"  on the server: {len(batches)} batches, {count} records, {different} different: {verdict}")
    return whole
