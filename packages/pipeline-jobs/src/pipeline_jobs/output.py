"""Files that appear whole or not at all, each under a name that belongs to one source."""

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from .display import shown
from .errors import OutputError

_RANDOM = re.compile(r"[0-9a-f]{8}\.tmp")
_TEMPORARY = re.compile(rf"\..+\.{_RANDOM.pattern}", re.DOTALL)


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn an operating system's error into an ``OutputError`` that names `path`."""
    try:
        yield
    except OSError as error:
        code = {
            errno.ENOSPC: "output.no_space",
            errno.EDQUOT: "output.no_space",
            errno.EFBIG: "output.no_space",
            errno.EACCES: "output.denied",
            errno.EPERM: "output.denied",
            errno.EROFS: "output.denied",
            errno.ENOTDIR: "output.not_a_folder",
            errno.EEXIST: "output.not_a_folder",
        }.get(error.errno or 0, "output.failed")
        reason = error.strerror or error
        if code == "output.not_a_folder":  # "file exists", of the folder, would lead astray
            reason = f"{shown(path.parent)} is no folder"
        raise OutputError(code, f"{shown(path)}: cannot be written: {reason}") from error


class Draft:
    """A temporary file, locked for as long as its writer lives, that becomes visible by `publish` alone.

    Args:
        path: the name it is drafted for; it may be published under another one in the same folder.
        folder: descriptor of that folder. All is done in there, so that nothing is left in another one that
            has taken its name meanwhile.
    """

    def __init__(self, path: Path, folder: int) -> None:
        self.path = path
        self._folder = folder
        self.temporary, self.stream = _locked(path, folder)

    def publish(self, names: Iterable[Path], is_ours: Callable[[Path], bool]) -> Path:
        """Make the draft durable under the first of `names` that is free, or that `is_ours` lets it replace.

        Raises:
            OutputError: ``output.taken``: every name belongs to somebody else; ``output.removed``: the file
                or its folder is no longer there.
        """
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self._check_in_place()
        for path in names:
            if not self._took(path):
                if not is_ours(path):
                    continue
                os.replace(self.temporary.name, path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
            return path
        raise OutputError(
            "output.taken", f"{shown(self.path)}: the file there is of another source; move it away"
        )

    def _check_in_place(self) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(self.temporary.stat(), os.fstat(self.stream.fileno())):
                return
        raise self._removed()

    def _removed(self) -> OutputError:
        text = "its folder or temporary file was removed meanwhile; run the same command again"
        return OutputError("output.removed", f"{shown(self.path)}: cannot be written: {text}")

    def _took(self, path: Path) -> bool:
        """Rename the draft unless the name is taken: by a link, which unlike a rename replaces nothing."""
        try:
            os.link(self.temporary.name, path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            raise self._removed() from error
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP) or path.exists():
                raise
            # A file system without hard links.
            os.rename(self.temporary.name, path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            return True
        os.unlink(self.temporary.name, dir_fd=self._folder)
        return True

    def discard(self) -> None:
        """Remove the file unless it was published, and let go of the lock."""
        with suppress(FileNotFoundError):
            os.unlink(self.temporary.name, dir_fd=self._folder)
        self.stream.close()


@contextmanager
def draft(path: Path) -> Iterator[Draft]:
    """Open a draft; what was not published by the end of the block is removed.

    Raises:
        OutputError: the file or its folder could not be written.
    """
    with reported(path):
        make_folder(path.parent)
        _remove_abandoned(path)
        with _opened(path.parent) as folder:
            opened = Draft(path, folder)
            try:
                yield opened
            finally:
                opened.discard()


def is_temporary(name: str) -> bool:
    """Return whether a file of that name is a draft, or was one when its writer was killed."""
    return _TEMPORARY.fullmatch(name) is not None


def _locked(path: Path, folder: int) -> tuple[Path, BinaryIO]:
    def within(temporary: str, flags: int) -> int:
        return os.open(os.path.basename(temporary), flags, 0o666, dir_fd=folder)  # noqa: PTH119  # of any name

    while True:
        temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
        stream = open(temporary, "x+b", opener=within)  # noqa: SIM115  # `Path.open` takes no opener
        fcntl.flock(stream, fcntl.LOCK_EX)
        if os.fstat(stream.fileno()).st_nlink:
            return temporary, stream
        # Another run took it for abandoned in the moment before it was locked.
        stream.close()


def _remove_abandoned(path: Path) -> None:
    start = f".{path.name}."
    for name in _temporaries(path.parent, int(time.monotonic())):
        if name.startswith(start) and _RANDOM.fullmatch(name, len(start)):
            with suppress(OSError):  # somebody's work in progress, gone meanwhile, or not ours to remove
                _remove_unlocked(path.parent / name)


def _remove_unlocked(path: Path) -> None:
    # Neither a FIFO, which would wait for a writer, nor what a link leads to.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(descriptor)


@lru_cache(maxsize=1)
def _temporaries(folder: Path, _second: int) -> list[str]:
    """List the temporary files in a folder, once a second: a run of many files would do it for each."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.name.endswith(".tmp")]


def make_folder(folder: Path) -> None:
    """Make a folder, and those it is in, durably; one that is there is fine.

    Raises:
        OSError: as ``Path.mkdir``.
    """
    if folder.is_dir():
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in missing:
        _sync_folder(created.parent)


def _sync_folder(folder: Path) -> None:
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
