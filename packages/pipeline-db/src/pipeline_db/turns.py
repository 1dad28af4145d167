"""Turns at writing: what SQLite lets only one do at a time, the processes of one run do one after another."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_jobs import shown

from .errors import DatabaseError


class Turns:
    """Turns that all threads and processes of this machine take which name the same file.

    The operating system ends the turn of a process that dies. Whoever waits, waits as long as it takes, or
    until a signal handler raises.

    Args:
        path: of a file of the run's own, made when the first turn is taken; not the database, whose locks
            SQLite would lose when it is closed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn, and hold it for the block.

        Raises:
            DatabaseError: ``database.unavailable``: the file cannot be made.
        """
        # A file descriptor of its own for each turn: threads of one process take turns, too.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            text = f"{shown(self.path)}, by which writers take turns, cannot be made: {error.strerror}"
            raise DatabaseError("database.unavailable", text) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
