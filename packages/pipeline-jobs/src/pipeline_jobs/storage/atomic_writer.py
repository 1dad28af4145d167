"""Atomic writing: each file appears whole or not at all, under a name that is of one source.

Local files are written here, those in a remote store by `remote_writer`.
"""

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import OutputError

from .location import Location, Url

if TYPE_CHECKING:
    from collections.abc import Buffer

_RANDOM_PART = re.compile(r"[0-9a-f]{8}\.tmp")
_TEMPORARY_NAME = re.compile(rf"\..+\.{_RANDOM_PART.pattern}", re.DOTALL)
_MAX_LOCK_ATTEMPTS = 100
_UMASK = re.compile(rb"^Umask:\s*([0-7]+)$", re.MULTILINE)
_STATUS_BYTES = 512  # the umask is in the second line
_CODES = {
    errno.ENOSPC: "output.no_space",
    errno.EDQUOT: "output.no_space",
    errno.EFBIG: "output.no_space",
    errno.EACCES: "output.denied",
    errno.EPERM: "output.denied",
    errno.EROFS: "output.denied",
    errno.ENOTDIR: "output.not_a_folder",
    errno.EEXIST: "output.not_a_folder",
}


class Output(Protocol):
    """A file that is being written; it appears when it is published, and not before."""

    def write(self, data: "Buffer", /) -> int:
        """Write all of `data`, and return its size in bytes."""

    def seek(self, offset: int, /) -> int:
        """Continue writing at `offset`, in bytes from the start."""

    def publish(self, names: Iterable[Any], is_ours: Callable[[Any], bool]) -> Location:
        """Publish the file under the first of `names` that is free, or that `is_ours` lets it replace.

        `names` are of the same type as the location that was opened.
        """


def open_output(location: Location) -> AbstractContextManager[Output]:
    """Open a file for writing, as a context manager. An exception of the block is passed on as it is.

    Raises:
        OutputError: it cannot be written.
    """
    if isinstance(location, Url):
        from .remote_writer import open_remote_draft  # noqa: PLC0415  # 20 ms to import, for remote stores only

        return open_remote_draft(location)
    return open_draft(location)


@contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Raise an ``OSError`` of the block as an ``OutputError`` that names `path`."""
    try:
        yield
    except OSError as error:
        raise make_write_error(path, error) from error


@contextmanager
def translate_temporary_file_errors() -> Iterator[None]:
    """Raise an ``OSError`` of the block as an ``OutputError`` that names the folder for temporary files."""
    import tempfile  # noqa: PLC0415  # 5 ms to import; whoever makes such a file has imported it

    # The outer one names the variable, if there is no folder that can be written.
    with translate_os_errors(Path("TMPDIR")), translate_os_errors(Path(tempfile.gettempdir())):
        yield


def make_write_error(path: Path, error: OSError) -> OutputError:
    """Make the error for a file that cannot be written."""
    code = _CODES.get(error.errno or 0, "output.failed")
    reason = error.strerror or error
    if code == "output.not_a_folder":  # the system's "file exists" would be misleading here
        reason = f"{escape(path.parent)} is not a folder"
    return OutputError(code, f"{escape(path)}: cannot be written: {reason}")


class Draft:
    """A temporary file, locked as long as its writer lives; only `publish` makes it visible.

    Only its owner can open it: who could open it, could hold its lock.

    Args:
        path: the name the draft is for; it may be published under another name in the same folder.
        folder: descriptor of that folder. Every operation is relative to it, so that nothing is left in
            another folder that has taken its name meanwhile.

    Attributes:
        temporary: where the draft is until it is published.
        stream: the file itself, whose errors are those of the system.
        mode: permissions of the published file; None for those that the system gives a new file.
    """

    def __init__(self, path: Path, folder: int) -> None:
        self.path = path
        self.mode: int | None = None
        self._folder = folder
        self.temporary, self.stream = _create_locked(path, folder)

    def write(self, data: "Buffer", /) -> int:
        """Write all of `data`.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            return self.stream.write(data)
        except OSError as error:
            raise make_write_error(self.path, error) from error

    def seek(self, offset: int, /) -> int:
        """Continue writing at `offset`.

        Raises:
            OutputError: what was written before cannot be.
        """
        try:
            return self.stream.seek(offset)
        except OSError as error:
            raise make_write_error(self.path, error) from error

    def publish(self, names: Iterable[Path], is_ours: Callable[[Path], bool]) -> Path:
        """Make the draft durable under the first of `names` that is free, or that `is_ours` lets it replace.

        Raises:
            OutputError: ``output.taken``: every name belongs to another source; ``output.removed``: the
                draft or its folder is no longer there; or it cannot be written.
        """
        with translate_os_errors(self.path):
            self.stream.flush()
            self._set_mode()
            os.fsync(self.stream.fileno())
            self._check_in_place()
            for path in names:
                if not self._link_if_free(path):
                    if not is_ours(path):
                        continue
                    self._replace(path)
                os.fsync(self._folder)
                return path
        text = f"{escape(self.path)}: the file there belongs to another source; move it away"
        raise OutputError("output.taken", text)

    def _set_mode(self) -> None:
        try:
            mode = _find_new_mode(self.path, self._folder) if self.mode is None else self.mode
        except FileNotFoundError as error:
            raise self._make_removed_error() from error
        # A file system without permissions, such as that of a memory card, may refuse to set them.
        if mode != stat.S_IMODE(os.fstat(self.stream.fileno()).st_mode):
            os.fchmod(self.stream.fileno(), mode)

    def _check_in_place(self) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(self.temporary.stat(), os.fstat(self.stream.fileno())):
                return
        raise self._make_removed_error()

    def _make_removed_error(self) -> OutputError:
        reason = "its folder or temporary file was removed during the run; run the same command again"
        return OutputError("output.removed", f"{escape(self.path)}: cannot be written: {reason}")

    def _replace(self, path: Path) -> None:
        os.replace(self.temporary.name, path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _link_if_free(self, path: Path) -> bool:
        """Give the draft a name unless that is taken: a link, unlike a rename, replaces nothing."""
        try:
            os.link(self.temporary.name, path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            raise self._make_removed_error() from error
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP) or path.exists():
                raise
            # The file system has no hard links.
            os.rename(self.temporary.name, path.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            return True
        os.unlink(self.temporary.name, dir_fd=self._folder)
        return True

    def discard(self) -> None:
        """Remove the temporary file, if it was not published, and release the lock."""
        with suppress(FileNotFoundError):
            os.unlink(self.temporary.name, dir_fd=self._folder)
        with suppress(OSError):  # what is not written yet is discarded with the rest
            self.stream.close()


@contextmanager
def open_draft(path: Path) -> Iterator[Draft]:
    """Open a draft; if it is not published by the end of the block, it is removed.

    Raises:
        OutputError: the file or its folder cannot be written.
    """
    with ExitStack() as stack:
        with translate_os_errors(path):
            make_folder(path.parent)
            _remove_abandoned(path)
            draft = Draft(path, stack.enter_context(_open_folder(path.parent)))
        try:
            yield draft
        finally:
            with translate_os_errors(path):
                draft.discard()


def is_temporary(name: str) -> bool:
    """Return whether a file of that name is a draft, be it in use or left by a killed writer."""
    return _TEMPORARY_NAME.fullmatch(name) is not None


def _create_locked(path: Path, folder: int) -> tuple[Path, BinaryIO]:
    for _ in range(_MAX_LOCK_ATTEMPTS):
        temporary, descriptor = _create_file(path, folder, 0o600)
        stream = os.fdopen(descriptor, "w+b")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Before it was locked, another run may have taken it for abandoned and removed it.
            if os.fstat(descriptor).st_nlink:
                return temporary, stream
        except BlockingIOError:
            pass  # that run is about to, or somebody wants this one to wait
        with suppress(FileNotFoundError):
            os.unlink(temporary.name, dir_fd=folder)
        stream.close()
    raise BlockingIOError(errno.EWOULDBLOCK, "another program locks each temporary file as it is made")


def _create_file(path: Path, folder: int, mode: int) -> tuple[Path, int]:
    """Create a file that is named like a draft for `path`; return its path and a descriptor."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return temporary, os.open(temporary.name, flags, mode, dir_fd=folder)


def _find_new_mode(path: Path, folder: int) -> int:
    """Return the permissions that the system gives a new file in a folder."""
    try:
        os.getxattr(folder, "system.posix_acl_default")
    except AttributeError:  # not on Linux
        pass
    except OSError as error:
        # Without a default ACL, nothing but the umask counts; where there are no ACLs, it may be the server.
        if error.errno == errno.ENODATA and (umask := _read_umask()) is not None:
            return 0o666 & ~umask
    temporary, descriptor = _create_file(path, folder, 0o666)
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):  # another run took it for abandoned
            os.unlink(temporary.name, dir_fd=folder)


def _read_umask() -> int | None:
    """Return the umask where the system tells it; `os.umask` does so by changing it, for all threads."""
    try:
        with open("/proc/self/status", "rb", buffering=0) as status:  # noqa: PTH123  # the quickest way
            found = _UMASK.search(status.read(_STATUS_BYTES))
    except OSError:
        return None
    return int(found[1], 8) if found else None


def _remove_abandoned(path: Path) -> None:
    """Remove the drafts for `path` whose writer was killed."""
    start = f".{path.name}."
    for name in _list_temporaries(path.parent, int(time.monotonic())):
        if name.startswith(start) and _RANDOM_PART.fullmatch(name, len(start)):
            with suppress(OSError):  # it is in use, already gone, or not ours to remove
                _remove_unlocked(path.parent / name)


def _remove_unlocked(path: Path) -> None:
    # The flags keep it from waiting for the writer of a FIFO, and from following a link.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(descriptor)


@lru_cache(maxsize=1)
def _list_temporaries(folder: Path, _second: int) -> list[str]:
    """List the temporary files in a folder, once a second: a run of many files would list it for each."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.name.endswith(".tmp")]


def make_folder(folder: Path) -> None:
    """Make a folder and its parents durably; nothing happens if it exists.

    Raises:
        OSError: as ``Path.mkdir``.
    """
    if folder.is_dir():
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in missing:
        with _open_folder(created.parent) as parent:
            os.fsync(parent)


@contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        with suppress(OSError):  # what was to be durable is synced by then
            os.close(descriptor)
