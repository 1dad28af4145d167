"""Trust in a settings file of the current folder: whether only its user may have written it.

A settings file may name a pipeline, which is code, and a database or an API, which gets passwords. So one
that another user may have put there counts for nothing, as with the files of ssh.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path


def explain_distrust(path: Path, descriptor: int | None = None) -> str | None:
    """Return why another user may have written a file, in words; None if only this user and root can.

    The file must belong to this user or root, and its folder too; nobody else may write to either. In a
    folder with the sticky bit, such as ``/tmp``, others can make files, but not replace those of this user.
    Access control lists are not looked at.

    Args:
        path: of the file.
        descriptor: of the file, if it is open.

    Raises:
        OSError: there is no such file.
    """
    link, file = os.lstat(path), os.stat(path if descriptor is None else descriptor)  # noqa: PTH116  # a descriptor
    # A link may be anybody's; and where it leads to, the file may be replaced.
    folders = {path.absolute().parent, Path(os.path.realpath(path)).parent}
    for status, name in ((link, "it"), (file, "it"), *((os.stat(each), "its folder") for each in folders)):  # noqa: PTH116  # one way for all
        if status.st_uid not in (os.geteuid(), 0):
            return f"{name} belongs to the user with the id {status.st_uid}"
        is_sticky_folder = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if not stat.S_ISLNK(status.st_mode) and not is_sticky_folder and _others_may_write(status):
            return f"others can write to {name}"
    return None


def make_refusal(reason: str) -> str:
    """Return the words that refuse a settings file, for a reason of `explain_distrust`."""
    hint = "if it is yours, make it so that only you can write to it and its folder (chown, chmod go-w)"
    return f"it is not read, as {reason}; {hint}, or use --no-settings-files"


def _others_may_write(status: os.stat_result) -> bool:
    by_group = status.st_mode & stat.S_IWGRP and not _has_only_this_user(status.st_gid)
    return bool(status.st_mode & stat.S_IWOTH or by_group)


def _has_only_this_user(group: int) -> bool:
    """Return whether a group is root's, or that of this user alone, which most systems give each user."""
    if group == 0:
        return True
    # Only where a file can be written to by a group.
    import grp  # noqa: PLC0415
    import pwd  # noqa: PLC0415

    with suppress(KeyError):
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
        return user.pw_gid == group and found.gr_name == user.pw_name and {*found.gr_mem} <= {user.pw_name}
    return False
