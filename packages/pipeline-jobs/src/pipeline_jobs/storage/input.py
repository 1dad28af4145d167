"""Opening of files for reading: local ones here, checked on the open descriptor, others in `remote_input`."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import InputError

from .location import Location, Source, Url, make_source

if TYPE_CHECKING:
    from .remote_input import RemoteInput

    type Input = LocalInput | RemoteInput
    """A file opened for reading."""

BLOCK = 1 << 20
"""Bytes read at a time: large enough to be fast, small enough for constant memory."""

_FILE_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


_stand_ins: dict[Path, Source] = {}
"""Sources by the temporary files that stand for them."""


@contextmanager
def use_stand_in(path: Path, source: Source) -> Iterator[None]:
    """Let a file stand for a source in the block: whatever opens it in this process takes it for that."""
    _stand_ins[path] = source
    try:
        yield
    finally:
        _stand_ins.pop(path, None)


class Contents(NamedTuple):
    """The contents of a document: its source, and count and hash of its records."""

    source: Source
    record_count: int
    sha256: str


_handed_on: ContextVar[dict[Location, Contents] | None] = ContextVar("_handed_on", default=None)


@contextmanager
def hand_on_documents() -> Iterator[None]:
    """Let a document that is read in the block be the one that was written to its location in the block.

    Between the two, whoever can write to the folder can put another one in its place.
    """
    token = _handed_on.set({})
    try:
        yield
    finally:
        _handed_on.reset(token)


def hand_on(location: Location, contents: Contents) -> None:
    """Keep what a document that was written holds, until the block of `hand_on_documents` ends."""
    if (documents := _handed_on.get()) is not None:
        documents[location] = contents


def find_handed_on(location: Location) -> Contents | None:
    """Return what the document holds that was written to a location; None if none was in the block."""
    return (_handed_on.get() or {}).get(location)


def open_input(location: Location) -> "Input":
    """Open a file for reading, as a context manager.

    Raises:
        InputError: it cannot be read.
    """
    if isinstance(location, Url):
        from .remote_input import RemoteInput  # noqa: PLC0415  # 20 ms to import, for remote stores only

        return RemoteInput(location)
    return LocalInput(location, _stand_ins.get(location))


def read_fully(read: Callable[[int], bytes], size: int) -> bytes:
    """Call `read` until there are `size` bytes, as one call may return fewer; fewer only at the end."""
    parts: list[bytes] = []
    while size and (part := read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def make_changed_error(where: str) -> InputError:
    """Make the error for an input that changed while it was read."""
    return InputError("input.changed", f"{where}: was changed while it was read; try again")


def make_replaced_error(where: str) -> InputError:
    """Make the error for a document that is not the one that was handed on."""
    text = "is not the document that this run has written there; look who else can write to its folder"
    return InputError("input.changed", f"{where}: {text}, and run the same command again")


class LocalInput:
    """A regular file opened for reading, as a context manager.

    Args:
        path: absolute.
        source: what the file stands for, if that is not the file itself; errors then name that.

    Attributes:
        where: the path as errors name it.
        size: bytes of the file when it was opened.
        position: bytes from the start up to which it is read.

    Raises:
        InputError: ``input.missing``, ``input.not_a_file`` or ``input.unreadable``.
    """

    def __init__(self, path: Path, source: Source | None = None) -> None:
        self.path = path
        self._source = source
        self.where = source.name if source else escape(path)
        try:
            # Without O_NONBLOCK, opening a FIFO would wait for a writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise self._make_open_error(error) from error
        self._first_stat = os.fstat(descriptor)
        file_type = stat.S_IFMT(self._first_stat.st_mode)
        if file_type != stat.S_IFREG:
            os.close(descriptor)
            raise self._make_type_error(_FILE_TYPES.get(file_type, "no regular file"))
        # Buffered: a read gives fewer bytes than asked for only at the end.
        self._stream = open(descriptor, "rb")  # noqa: PTH123, SIM115  # a descriptor; closed by __exit__
        self.size = self._first_stat.st_size
        self.position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # everything is read already
            self._stream.close()

    @property
    def source(self) -> Source:
        """The file as a source."""
        return self._source or make_source(self.path)

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes; fewer only at the end.

        Raises:
            InputError: ``input.unreadable``.
        """
        try:
            block = self._stream.read(size)
        except OSError as error:
            raise self._make_read_error(error) from error
        self.position += len(block)
        return block

    def seek(self, offset: int) -> None:
        """Continue reading at `offset`, in bytes from the start.

        Raises:
            InputError: ``input.unreadable``.
        """
        try:
            self.position = self._stream.seek(offset)
        except OSError as error:
            raise self._make_read_error(error) from error

    def check_unchanged(self) -> None:
        """Check that nobody wrote to the file since it was opened.

        Raises:
            InputError: ``input.changed``.
        """
        first, now = self._first_stat, os.fstat(self._stream.fileno())
        if (first.st_size, first.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            raise make_changed_error(self.where)

    def _make_open_error(self, error: OSError) -> InputError:
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                return InputError("input.missing", f"{self.where}: no such file")
            case errno.ENXIO:
                return self._make_type_error(_FILE_TYPES[stat.S_IFSOCK])
            case _:
                return self._make_read_error(error)

    def _make_read_error(self, error: OSError) -> InputError:
        return InputError("input.unreadable", f"{self.where}: cannot be read: {error.strerror}")

    def _make_type_error(self, file_type: str) -> InputError:
        return InputError("input.not_a_file", f"{self.where}: is {file_type}, expected a regular file")
