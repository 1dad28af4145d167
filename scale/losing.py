"""A host dies while files are loaded: every record of theirs is in the database once."""

import json
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

from cluster import Cluster
from database import holding

_LINES = 200  # in each file
_BATCHES = "SELECT source, status, record_count FROM processing_batches"
_RECORDS = "SELECT count(*), count(DISTINCT content) FROM finalized_records"
_EMPTY = "TRUNCATE processing_batches, processed_records"


def lost_and_whole(cluster: Cluster, files: int, losses: int) -> bool:
    """Load files with two workers, kill one, each time at another point; return whether all is there."""
    small = cluster.folder / "small"
    small.mkdir()
    for number in range(files):
        lines = (f"{number} {position}\n" for position in range(_LINES))
        (small / f"{number:05}.txt").write_text("".join(lines), encoding="utf-8")
    whole = True
    for number in range(1, losses + 1):
        cluster.add_worker(2)
        # The last one is gone without a word, where a host can be taken off the network.
        told = number < losses or not cluster.hosts[0].name
        _load(cluster, small, files * number // (losses + 1), told=told)
        whole = _whole(cluster, small) and whole
        cluster.asked(_EMPTY)
        shutil.rmtree(cluster.folder / "out")
    found = holding(cluster.database.password, cluster.folder)
    print(f"  the password of the database is in what one of the programs has written: {found or 'no'}")
    return whole and not found


def _load(cluster: Cluster, small: Path, when: int, *, told: bool) -> None:
    """Run the command, kill a worker once so many files are loaded, and say what that came to."""
    out = cluster.folder / "out"
    words = ("--log-level", "OFF", "--output-dir", str(out), "run-all", str(small), "--json")
    words += ("--task-runner", "dask", "--dask-address", cluster.scheduler)
    start = time.monotonic()
    process = cluster.run(*words)
    while process.poll() is None and _made(out) < when:
        time.sleep(0.05)
    if process.poll() is not None:
        raise SystemExit(f"it has ended before a worker was killed:\n{process.communicate()}")
    at = _made(out)
    cluster.kill_worker(2, told=told)
    said = process.communicate()
    how = "" if told else ", its host off the network,"
    seconds = time.monotonic() - start
    print(f"  run-all, a worker killed{how} after {at} files: {seconds:.1f} s: {_outcome(process, *said)}")
    if process.returncode:
        again = cluster.run(*words)
        print(f"  run again: {_outcome(again, *again.communicate())}")


def _made(out: Path) -> int:
    return sum(1 for _ in out.glob("[!.]*.json"))


def _outcome(process: subprocess.Popen[str], out: str, said: str) -> str:
    codes = Counter(run["error"]["code"] for run in json.loads(out)["runs"] if run["error"]) if out else said
    return f"exit code {process.returncode}, failed: {codes or 'none'}"


def _whole(cluster: Cluster, small: Path) -> bool:
    batches, [[count, different]] = cluster.asked(_BATCHES, _RECORDS)
    files = list(small.iterdir())
    expected = {(path.resolve().as_uri(), "finalized", _LINES) for path in files}
    whole = len(batches) == len(files) and set(map(tuple, batches)) == expected
    whole = whole and count == different == len(files) * _LINES
    verdict = "every record exactly once" if whole else "NOT every record exactly once"
    print(f"  on the server: {len(batches)} batches, {count} records, {different} different: {verdict}")
    return whole
