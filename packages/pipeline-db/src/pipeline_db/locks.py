"""Who holds the locks of a file, where the operating system says so."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipeline_jobs import shown

_LOCKS = Path("/proc/locks")
_SHARED_MEMORY = "-shm"  # where connections in WAL mode lock, beside the database


def holder(path: Path) -> str | None:
    """Return the process that holds a lock of the database at `path`, as in ``process 7 (pipeline)``.

    A writer is named before a reader; None is returned where nobody can be named. Only Linux tells.
    """
    inodes = {inode for inode in (_inode(path), _inode(Path(f"{path}{_SHARED_MEMORY}"))) if inode}
    with suppress(OSError):
        found = sorted(_locks(inodes, _LOCKS.read_text(encoding="ascii")))
        if found:
            _, pid = found[0]
            return f"process {pid}{_name(pid)}"
    return None


def _locks(inodes: set[str], table: str) -> Iterator[tuple[bool, int]]:
    """Yield whether a lock only reads, and whose it is, for each lock that is of another process."""
    for line in table.splitlines():
        # 1: POSIX ADVISORY WRITE 4711 08:01:1234 1073741824 1073742335; "->" is before POSIX where one waits
        match line.split():
            case [_, "POSIX", _, kind, pid, inode, *_] if inode in inodes and pid.isdecimal():
                if int(pid) not in (0, os.getpid()):
                    yield kind == "READ", int(pid)


def _inode(path: Path) -> str | None:
    """Return a file as the table of locks has it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"


def _name(pid: int) -> str:
    try:
        return f" ({shown(Path(f'/proc/{pid}/comm').read_text(encoding='utf-8', errors='replace').strip())})"
    except OSError:
        return ""  # ended meanwhile
