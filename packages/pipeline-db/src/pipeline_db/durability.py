"""Which journal keeps a SQLite database durable, by the library linked and the file system below."""

import os
from pathlib import Path
from typing import NamedTuple


class Journal(NamedTuple):
    """Values of SQLite's pragmas `journal_mode` and `synchronous`."""

    mode: str
    synchronous: str


WAL = Journal("WAL", "FULL")
# FULL does not sync the folder after the journal is deleted, so that a power cut can undo a reported commit.
ROLLBACK = Journal("DELETE", "EXTRA")

# Before these, SQLite can corrupt a WAL that is reset while another connection writes (https://sqlite.org/wal.html).
_MENDED = ((3, 44, 6), (3, 50, 7))  # and what follows in the same line
_MENDED_SINCE = (3, 51, 3)

# WAL needs memory shared by all who open the file: in doubt on a file system that is not known to be local.
_LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"}
)
_MOUNTS = Path("/proc/self/mountinfo")


def journal(sqlite_version: tuple[int, ...], path: Path) -> Journal:
    """Return the journal for the database at `path`: WAL only where library and file system allow it."""
    return WAL if mended(sqlite_version) and local(file_system(path)) else ROLLBACK


def mended(sqlite_version: tuple[int, ...]) -> bool:
    """Return whether a release of SQLite is without the fault that can corrupt a WAL."""
    return sqlite_version >= _MENDED_SINCE or any(
        sqlite_version[:2] == release[:2] and sqlite_version >= release for release in _MENDED
    )


def local(kind: str | None) -> bool:
    """Return whether a file system of this type is known to be local."""
    return kind in _LOCAL


def file_system(path: Path) -> str | None:
    """Return the type of the file system that `path` leads to; None where it cannot be known."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}".encode()
    try:
        # Split at LF alone: it is escaped in a mount point, other line ends are not.
        mounts = _MOUNTS.read_bytes().split(b"\n")
    except OSError:
        return None
    # Fields: mount, parent, major:minor, root, mount point, options, optional fields …, "-", type, source, …
    found = (line.partition(b" - ")[2].split()[0] for line in mounts if line.split()[2:3] == [number])
    return next((name.decode() for name in found), None)
