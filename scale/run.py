"""Run the pipeline on several hosts, kill one of them, and see that nothing is lost: `nox -s scale`.

run.py [--files N] [--losses N] [--megabytes N] [--pairs N] [--folder PATH]
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from cluster import Cluster
from database import new_database
from hosts import hosts
from losing import lost_and_whole
from speeding import speed_up

_MEMORY = Path("/dev/shm")  # noqa: S108  # in a folder of its own; no disk has a say in how fast job A is
_ROOM = 4  # times the input, for what job A makes of it, for the database and for others


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s scale --", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--files", type=int, default=1000, help="small ones that are loaded while a host dies"
    )
    parser.add_argument("--losses", type=int, default=3, help="how often that is done; 0: not at all")
    parser.add_argument("--megabytes", type=int, default=2000, help="that job A splits with one host and two")
    parser.add_argument("--pairs", type=int, default=2, help="how often that is measured; 0: not at all")
    parser.add_argument("--folder", type=Path, help="for all of it; in memory, if there is room")
    return parser.parse_args()


def main() -> int:
    """Run all of it; return 1 if anything is lost, or if two hosts are not enough faster than one."""
    given = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    above = given.folder or _in_memory(given.megabytes * 1_000_000 * _ROOM)
    with tempfile.TemporaryDirectory(prefix="scale-", dir=above, ignore_cleanup_errors=True) as place:
        folder = Path(place)
        with hosts(3) as made:
            database = new_database(made[0], folder / "postgres")
            with Cluster(made, database, folder) as cluster:
                kind = "network namespaces" if made[0].name else "loopback"
                at = f"{kind}, {os.cpu_count()} cores, all files in {folder.parent}"
                print(f"{len(made)} hosts in {at}")
                print(
                    "  the first has PostgreSQL, Prefect's server and Dask's scheduler; each other, a worker"
                )
                fast = speed_up(cluster, given.megabytes, given.pairs)
                whole = lost_and_whole(cluster, given.files, given.losses)
    return 0 if whole and fast else 1


def _in_memory(room: int) -> Path | None:
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > room else None


if __name__ == "__main__":
    sys.exit(main())
