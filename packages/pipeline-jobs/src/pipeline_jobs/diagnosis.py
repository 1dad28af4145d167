"""What is known of an output folder without changing it."""

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

from .display import shown
from .errors import OutputError
from .findings import Finding
from .output import is_temporary, reported
from .url import Location, Url, location


def examine_folder(folder: Location | str) -> list[Finding]:
    """Tell whether an output folder can be written to, and what killed runs left there; remove nothing.

    Of one in a store, tell whether the store can be asked for it, and how a document appears there.
    """
    folder = location(folder)
    if isinstance(folder, Url):
        from .remote_diagnosis import examine_remote_folder  # noqa: PLC0415  # which no folder of this machine takes

        return examine_remote_folder(folder)
    try:
        with reported(folder):
            nearest = _nearest(folder)
            if nearest != folder:
                return [Finding("output folder", f"{folder}: none yet, the first run makes it")]
            return [Finding("output folder", f"{folder}"), _temporaries(folder)]
    except OutputError as error:
        return [Finding("output folder", f"{folder}", error)]


def _nearest(folder: Path) -> Path:
    """Return the folder, or of those above it the first that is there, if a run can write to it.

    Raises:
        OSError: it cannot.
        OutputError: ``output.not_a_folder``: something else is there.
    """
    for place in (folder, *folder.parents):
        try:
            mode = place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            if not place.is_symlink():
                continue
            mode = 0  # a link to nowhere, where no folder can be made
        if not stat.S_ISDIR(mode):
            text = f"{shown(folder)}: cannot be written: {shown(place)} is no folder"
            raise OutputError("output.not_a_folder", text)
        # A run lists its folder, and syncs the one that it makes it in.
        if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return place
    raise AssertionError(folder)  # pragma: no cover  # the root is always there


def _temporaries(folder: Path) -> Finding:
    """Count the temporary files whose writer is gone, and those in work."""
    sizes, in_work = [], 0
    with os.scandir(folder) as entries:
        # A FIFO of such a name would be waited for.
        names = [
            each.name for each in entries if is_temporary(each.name) and each.is_file(follow_symlinks=False)
        ]
    for name in names:
        with suppress(OSError), (folder / name).open("rb") as stream:  # gone meanwhile, or not ours to read
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                in_work += 1
            else:
                sizes.append(os.fstat(stream.fileno()).st_size)
    left = f"{len(sizes):,} left by runs that were killed, {sum(sizes):,} bytes" if sizes else "none left"
    found = f"{left}; {in_work:,} of runs at work" if in_work else left
    hint = "a run removes those of its own output; delete the others (.*.tmp) when no run is at work"
    return Finding("temporary files", found, hint=hint if sizes else None)
