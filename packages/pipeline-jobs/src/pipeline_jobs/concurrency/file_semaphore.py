"""A semaphore of file locks for threads and processes: a limited number of holders, in order of arrival.

It limits the executions of a job that has a `concurrency_limit`, and, with a limit of 1, the writers of a
database. A holder's slot is free as soon as its process has ended, however it ended.

Libraries were tried: filelock 4.3 and portalocker 4.4 (`BoundedSemaphore`) poll for a free lock, so waiters
overtake each other (in about half of all pairs of 20 threads) and use 20 to 80 % of a core while they wait.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_POLL_SECONDS = 0.01  # how often the first in the queue looks for a free slot


@contextmanager
def acquire_slot(file: Path, limit: int) -> Iterator[None]:
    """Wait for one of `limit` slots and hold it for the block, first come, first served.

    Args:
        file: the locks are taken on it and on files named after it; its folder must exist. None of these
            files may be removed while somebody waits.
        limit: how many slots there are; everybody who shares a file must give the same number.

    Raises:
        OSError: a file cannot be made; ``PermissionError``: other users can open it, and who can open a file
            can hold its lock.
    """
    with _open_lock_file(file) as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)  # blocks; a signal handler runs meanwhile, and may raise
        if limit == 1:
            yield
            return
        with _lock_free_slot(file, limit):
            fcntl.flock(queue, fcntl.LOCK_UN)  # the next in the queue may look for a slot
            yield


@contextmanager
def _lock_free_slot(file: Path, limit: int) -> Iterator[None]:
    while True:
        for number in range(limit):
            with _open_lock_file(file.with_name(f"{file.name}.{number}")) as slot:
                try:
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield
                return
        time.sleep(_POLL_SECONDS)


@contextmanager
def _open_lock_file(file: Path) -> Iterator[int]:
    # flock belongs to the open file description: with one of its own for each holder, threads exclude each
    # other too.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            reason = "other users can open it, and hold its lock; remove it, or let only its owner use it"
            raise PermissionError(errno.EACCES, reason, str(file))
        yield descriptor
    finally:
        # Closing alone would not unlock: a child forked meanwhile shares the description.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
