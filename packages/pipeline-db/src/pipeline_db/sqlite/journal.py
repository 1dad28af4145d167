"""The choice of a durable journal, by the SQLite library in use and the file system."""

import math
import os
from pathlib import Path
from typing import NamedTuple


class Journal(NamedTuple):
    """Values of SQLite's pragmas `journal_mode` and `synchronous`."""

    mode: str
    synchronous: str


WAL = Journal("WAL", "FULL")
# FULL does not sync the folder after the journal is deleted: a power failure can undo a reported commit.
ROLLBACK = Journal("DELETE", "EXTRA")

# Earlier releases can corrupt a WAL that is reset while another connection writes (https://sqlite.org/wal.html).
_FIXED_SINCE = (3, 51, 3)
# Patch releases of earlier minor versions that have the fix, as have later ones of the same minor version.
_FIXED_PATCH_RELEASES: dict[tuple[int, ...], int] = {(3, 44): 6, (3, 50): 7}

# WAL needs memory shared by all processes that open the file; an unknown file system may not offer it.
_LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"}
)
_MOUNTS = Path("/proc/self/mountinfo")


def choose_journal(sqlite_version: tuple[int, ...], path: Path) -> Journal:
    """Return the journal for the database at `path`: WAL only where library and file system allow it."""
    if is_wal_safe(sqlite_version) and is_local(find_file_system(path)):
        return WAL
    return ROLLBACK


def is_wal_safe(sqlite_version: tuple[int, ...]) -> bool:
    """Return whether a release of SQLite has the fix for the WAL-reset bug."""
    if sqlite_version >= _FIXED_SINCE:
        return True
    return sqlite_version[2] >= _FIXED_PATCH_RELEASES.get(sqlite_version[:2], math.inf)


def is_local(file_system: str | None) -> bool:
    """Return whether a type of file system is known to be local."""
    return file_system in _LOCAL


def find_file_system(path: Path) -> str | None:
    """Return the type of the file system that holds the file at `path`; None if it is unknown."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}".encode()
    try:
        # Only LF ends a line: in a mount point LF is escaped, other line ends are not.
        mounts = _MOUNTS.read_bytes().split(b"\n")
    except OSError:
        return None
    # Fields: mount, parent, major:minor, root, mount point, options, optional fields …, "-", type, source, …
    types = (line.partition(b" - ")[2].split()[0] for line in mounts if line.split()[2:3] == [number])
    return next((name.decode() for name in types), None)
