"""Diagnostics of an output folder, local or in a remote store; nothing is changed."""

import errno
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from .escaping import escape
from .exceptions import OutputError, PipelineError
from .storage.atomic_writer import is_temporary, translate_os_errors
from .storage.location import Location, Url, parse_location


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that was looked up, and what is wrong with it, if anything.

    Args:
        what: the thing looked at, such as ``journal``.
        found: the fact, in words; may hold names that still have to be escaped.
        error: the error a run would fail with, if it would.
        hint: what to do about something that is not wrong yet.
    """

    what: str
    found: str
    error: PipelineError | None = None
    hint: str | None = None


def examine_folder(folder: Location | str) -> list[Finding]:
    """Find out whether an output folder can be written to, and what killed runs left in it.

    For a folder in a remote store: whether the store answers, and how documents appear there.
    """
    folder = parse_location(folder)
    if isinstance(folder, Url):
        return [_examine_remote_folder(folder)]
    try:
        with translate_os_errors(folder):
            if _find_writable_folder(folder) != folder:
                return [Finding("output folder", f"{folder}: none yet, the first run makes it")]
            return [Finding("output folder", f"{folder}"), _count_drafts(folder)]
    except OutputError as error:
        return [Finding("output folder", f"{folder}", error)]


def _find_writable_folder(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists, if a run can write to it.

    Raises:
        OSError: a run cannot write to it.
        OutputError: ``output.not_a_folder``: it is not a folder.
    """
    for path in (folder, *folder.parents):
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            if not path.is_symlink():
                continue
            mode = 0  # a dangling link: no folder can be made under its name
        if not stat.S_ISDIR(mode):
            text = f"{escape(folder)}: cannot be written: {escape(path)} is not a folder"
            raise OutputError("output.not_a_folder", text)
        # A run lists its folder, and syncs the one in which it makes it.
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return path
    raise AssertionError(folder)  # pragma: no cover  # the root always exists


def _count_drafts(folder: Path) -> Finding:
    """Count the drafts that killed runs left, and those that are being written."""
    sizes, in_use, others = [], 0, 0
    with os.scandir(folder) as entries:
        # Opening a FIFO with such a name would wait for a writer.
        names = [
            entry.name
            for entry in entries
            if is_temporary(entry.name) and entry.is_file(follow_symlinks=False)
        ]
    for name in names:
        try:
            with (folder / name).open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
                sizes.append(os.fstat(stream.fileno()).st_size)
        except BlockingIOError:
            in_use += 1
        except PermissionError:
            others += 1
        except OSError:  # it is gone
            pass
    left = f"{len(sizes):,} left by runs that were killed, {sum(sizes):,} bytes" if sizes else "none left"
    found = f"{left}; {in_use:,} of runs at work" if in_use else left
    found += f"; {others:,} of other users" if others else ""
    hint = "a run removes those of its own output; delete the others (.*.tmp) when no run is at work"
    return Finding("temporary files", found, hint=hint if sizes else None)


def _examine_remote_folder(folder: Url) -> Finding:
    # 20 ms to import, and only remote stores need it.
    from .storage.fsspec_client import open_filesystem, stat_file, translate_write_errors  # noqa: PLC0415
    from .storage.remote_writer import ATOMIC_SCHEMES  # noqa: PLC0415

    atomic = folder.scheme in ATOMIC_SCHEMES
    try:
        with translate_write_errors(folder):
            system, path = open_filesystem(folder)
            stat_file(system, path.partition("/")[0] if atomic else "/")
            missing = ""
            try:
                stat_file(system, path)
            except FileNotFoundError:
                missing = ", none yet, the first run makes it"
    except OutputError as error:
        return Finding("output folder", str(folder), error)
    how = "whole" if atomic else "by a rename, as safe as the store's own"
    return Finding("output folder", f"{folder}{missing}; a document appears there {how}")
