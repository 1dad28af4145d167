"""Files that are read: regular ones only, checked on the open descriptor."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from .display import shown
from .errors import InputError
from .records import Source

BLOCK = 1 << 20
"""Bytes read at a time: large enough to be fast, small enough for constant memory."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def filled(read: Callable[[int], bytes], size: int) -> bytes:
    """Return what a stream reads, of which one call may give less than is asked for: less only at the end."""
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class InputFile:
    """A regular file opened for reading, for a ``with`` block; what goes wrong is an ``InputError``.

    Args:
        path: absolute.

    Raises:
        InputError: ``input.missing``, ``input.not_a_file`` or ``input.unreadable``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = shown(path)
        try:
            # Without O_NONBLOCK, opening a FIFO would wait for a writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._unopened(error) from error
        self._first = os.fstat(descriptor)
        kind = stat.S_IFMT(self._first.st_mode)
        if kind != stat.S_IFREG:
            os.close(descriptor)
            raise self._no_file(_KINDS.get(kind, "no regular file"))
        self._stream = open(descriptor, "rb", buffering=0)  # noqa: PTH123, SIM115  # a descriptor; closed by __exit__
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what was read was read
            self._stream.close()

    @property
    def size(self) -> int:
        """Bytes of the file when it was opened."""
        return self._first.st_size

    @property
    def source(self) -> Source:
        """The source the file is: its URI with symbolic links resolved, and its name."""
        resolved = self.path.resolve()
        return Source(resolved.as_uri(), shown(resolved.name))

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes, fewer only at the end.

        Raises:
            InputError: ``input.unreadable``.
        """
        try:
            block = filled(self._stream.read, size)
        except OSError as error:
            raise self._unreadable(error) from error
        self._position += len(block)
        return block

    def seek(self, offset: int) -> None:
        """Read on from `offset`, in bytes from the start.

        Raises:
            InputError: ``input.unreadable``.
        """
        try:
            self._position = self._stream.seek(offset)
        except OSError as error:
            raise self._unreadable(error) from error

    @property
    def position(self) -> int:
        """How far it is read, in bytes from the start."""
        return self._position

    def check_unchanged(self) -> None:
        """Make sure that nobody wrote to the file since it was opened.

        Raises:
            InputError: ``input.changed``.
        """
        now = os.fstat(self._stream.fileno())
        if (self._first.st_size, self._first.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            raise self.changed()

    def changed(self) -> InputError:
        """Make the error for a file that is not what it was a moment ago."""
        return InputError("input.changed", f"{self.where}: was changed while it was read; try again")

    def _unopened(self, error: OSError) -> InputError:
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                return InputError("input.missing", f"{self.where}: no such file")
            case errno.ENXIO:
                return self._no_file(_KINDS[stat.S_IFSOCK])
            case _:
                return self._unreadable(error)

    def _unreadable(self, error: OSError) -> InputError:
        return InputError("input.unreadable", f"{self.where}: cannot be read: {error.strerror}")

    def _no_file(self, kind: str) -> InputError:
        return InputError("input.not_a_file", f"{self.where}: is {kind}, expected a regular file")
