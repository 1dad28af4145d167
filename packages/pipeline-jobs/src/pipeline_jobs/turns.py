"""Turns of what may go on so many at a time: file locks, over threads and processes, that end with these.

For executions of a job that has a `concurrency_limit`; writers of one database take them with a limit of 1.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PAUSE = 0.01  # seconds between two looks at the slots, by the one that is next


@contextmanager
def slots(file: Path, limit: int) -> Iterator[None]:
    """Hold one of `limit` slots for the block, after waiting for one to be free, first come, first served.

    Args:
        file: locks are taken on it and on files named after it; its folder must be there. Neither it nor they
            may be removed while somebody waits.
        limit: how many hold a slot at a time; all who share a file say the same.
    """
    with _opened(file) as first:
        fcntl.flock(first, fcntl.LOCK_EX)  # waits; a signal gets through
        if limit == 1:
            yield
            return
        with _free_one(file, limit):
            fcntl.flock(first, fcntl.LOCK_UN)  # the next one looks
            yield


@contextmanager
def _free_one(file: Path, limit: int) -> Iterator[None]:
    while True:
        for number in range(limit):
            with _opened(file.with_name(f"{file.name}.{number}")) as slot:
                try:
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield
                return
        time.sleep(_PAUSE)


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    # A description of its own for each, as locks are theirs: threads wait for each other, too.
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        # Unlocked, not only closed: a child that was forked meanwhile holds the same description.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
