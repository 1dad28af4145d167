"""Run the pipeline on several hosts, kill one of them, and check that nothing is lost: `nox -s scale`.

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
from database import create_database
from host_failure import check_host_failures
from hosts import create_hosts
from speedup import check_speedup

_MEMORY = Path("/dev/shm")  # noqa: S108  # in a folder of its own; the speed of job A does not depend on a disk
_SPACE_FACTOR = 4  # times the input: for the output of job A, the database and the rest


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s scale --", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--files", type=int, default=1000, help="number of small files to load while a host fails"
    )
    parser.add_argument("--losses", type=int, default=3, help="number of host failures; 0 for none")
    parser.add_argument(
        "--megabytes",
        type=int,
        default=2000,
        help="size of the input that job A splits with one host and with two",
    )
    parser.add_argument("--pairs", type=int, default=2, help="number of such measurements; 0 for none")
    parser.add_argument(
        "--folder", type=Path, help="folder for all files; by default in memory, if there is space"
    )
    return parser.parse_args()


def main() -> int:
    """Run everything; return 1 if records are lost, or if two hosts are not fast enough."""
    arguments = _parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    above = arguments.folder or _find_memory_folder(arguments.megabytes * 1_000_000 * _SPACE_FACTOR)
    with tempfile.TemporaryDirectory(prefix="scale-", dir=above, ignore_cleanup_errors=True) as place:
        folder = Path(place)
        with create_hosts(3) as made:
            database = create_database(made[0], folder / "postgres")
            with Cluster(made, database, folder) as cluster:
                kind = "network namespaces" if made[0].name else "loopback"
                at = f"{kind}, {os.cpu_count()} cores, all files in {folder.parent}"
                print(f"{len(made)} hosts in {at}")
                print(
                    "  the first has PostgreSQL, Prefect's server and Dask's scheduler; each other, a worker"
                )
                fast = check_speedup(cluster, arguments.megabytes, arguments.pairs)
                whole = check_host_failures(cluster, arguments.files, arguments.losses)
    return 0 if whole and fast else 1


def _find_memory_folder(room: int) -> Path | None:
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > room else None


if __name__ == "__main__":
    sys.exit(main())
