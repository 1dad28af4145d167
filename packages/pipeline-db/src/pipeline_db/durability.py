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

# WAL needs memory shared by all who open the file; on any file system not known to be local, that is in doubt.
_LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "tmpfs", "xfs", "zfs"}
)
_MOUNTS = Path("/proc/self/mountinfo")


def journal(sqlite_version: tuple[int, ...], folder: Path) -> Journal:
    """Return the journal for databases in `folder`: WAL only where the library and the file system allow it."""
    mended = sqlite_version >= _MENDED_SINCE or any(
        sqlite_version[:2] == release[:2] and sqlite_version >= release for release in _MENDED
    )
    return WAL if mended and file_system(folder) in _LOCAL else ROLLBACK


def file_system(folder: Path) -> str | None:
    """Return the type of the file system a folder is on; None where it cannot be known."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    # Fields: mount, parent, major:minor, root, mount point, options, optional fields …, "-", type, source, options
    return next((line.partition(" - ")[2].split()[0] for line in mounts if line.split()[2] == number), None)
