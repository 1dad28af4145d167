"""Listing of the files in a remote store that match a pattern or are in a folder."""

import re

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import InputError

from .fsspec_client import open_filesystem, translate_read_errors
from .location import WEB, Url, parse_location

_PATTERN = re.compile(r"[*?\[]")
_WEB_PATTERN = re.compile(r"[*]")  # in a web URL, ? begins the query and [ an IPv6 address


def list_matches(url: str) -> list[str]:
    """List the URLs of the files that a URL stands for, sorted.

    They are the matches of a pattern such as ``s3://bucket/*.txt``, or the files in a folder, which must end
    in ``/``. Any other URL stands for itself, and the store is not asked. Files whose name begins with a dot
    are left out.

    Raises:
        InputError: ``input.missing``: there are none; and the errors of reading a file.
    """
    location = parse_location(url)
    if not isinstance(location, Url):
        raise TypeError(url)
    text = str(location)
    is_pattern = bool((_WEB_PATTERN if location.scheme in WEB else _PATTERN).search(text))
    if not is_pattern and (location.name or location.scheme in WEB):
        return [text]
    with translate_read_errors(location):
        system, path = open_filesystem(location)
        system.invalidate_cache()
        entries = system.glob(path, detail=True).values() if is_pattern else system.ls(path, detail=True)
        files = [str(entry["name"]) for entry in entries if entry["type"] == "file"]
    found = sorted(_make_url(location, name) for name in files if not _is_hidden(name))
    if not found:
        reason = "matches no file" if is_pattern else "no such folder, or no file in it"
        raise InputError("input.missing", f"{escape(text)}: {reason}")
    return found


def _is_hidden(name: str) -> bool:
    last = name.rpartition("/")[2]
    return not last or last.startswith(".")  # some tools mark an empty folder by a file without a name


def _make_url(listed: Url, name: str) -> str:
    """Make the URL of a file from its name in its file system, which may leave out the server."""
    scheme, _, rest = str(listed).partition("://")
    server = rest.partition("/")[0]
    if scheme in WEB:
        return name
    if scheme == "memory":
        return f"{scheme}://{name.lstrip('/')}"
    return (
        f"{scheme}://{server}{name}"
        if name.startswith("/")
        else f"{scheme}://{server}/{name.partition('/')[2]}"
    )
