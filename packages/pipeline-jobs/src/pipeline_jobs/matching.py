"""The files in a store that a pattern or a folder stands for."""

import re

from .display import shown
from .errors import InputError
from .remote import opened
from .remote_errors import input_reported
from .url import WEB, Url, location

_PATTERN = re.compile(r"[*?\[]")
_PATTERN_ON_THE_WEB = re.compile(r"[*]")  # where ? begins a query, and [ is that of an address


def remote_matches(url: str) -> list[str]:
    """Return the URLs of the files that a URL stands for, in order.

    Those that a pattern as ``s3://bucket/*.txt`` matches, those in a folder, for which it must end in ``/``,
    or else itself, unasked. Files whose name begins with a dot are left out.

    Raises:
        InputError: ``input.missing``: there are none; and as for reading a file.
    """
    place = location(url)
    if not isinstance(place, Url):
        raise TypeError(url)
    text = str(place)
    pattern = bool((_PATTERN_ON_THE_WEB if place.scheme in WEB else _PATTERN).search(text))
    if not pattern and (place.name or place.scheme in WEB):
        return [text]
    with input_reported(place):
        system, path = opened(place)
        system.invalidate_cache()
        listed = system.glob(path, detail=True).values() if pattern else system.ls(path, detail=True)
        files = [str(each["name"]) for each in listed if each["type"] == "file"]
    found = sorted(_again(place, name) for name in files if not _hidden(name))
    if not found:
        what = "matches no file" if pattern else "no such folder, or no file in it"
        raise InputError("input.missing", f"{shown(text)}: {what}")
    return found


def _hidden(name: str) -> bool:
    last = name.rpartition("/")[2]
    return not last or last.startswith(".")  # without a name, some tools mark an empty folder


def _again(asked: Url, name: str) -> str:
    """Return the URL of a file by what its file system calls it, which may leave out the server."""
    scheme, _, rest = str(asked).partition("://")
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
