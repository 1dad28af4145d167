"""Where a file is: on a path of this machine, or under the URL of a store; parsed, never opened."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from .display import shown
from .errors import InputError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_LONGEST = 4096  # characters, as of a path; the head of a document has room for three times as many
_SAME = {"gcs": "gs", "s3a": "s3"}  # two names of one store would make two sources of one file
WEB = ("http", "https")
_PORTS = {"http": ":80", "https": ":443"}
# The words that the names of a key's or signature's parameters are made of: X-Amz-Signature, sig …
_SECRET = frozenset(
    [
        *("apikey", "auth", "authorization", "credential", "credentials", "jwt", "key"),
        *("passwd", "password", "pwd", "secret", "sig", "signature", "token"),
    ]
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# What a URI, the identity of a source, holds as it is; in a name of a store, % is a character like others.
_PLAIN = "/!$&'()*+,;=:@~"
_PLAIN_ON_THE_WEB = f"{_PLAIN}%?[]"


@dataclass(frozen=True, slots=True)
class Url:
    """The URL of a file or folder in a store, with those properties of a path that its name is known by.

    Made by `location`, which refuses passwords and writes the URL as everybody does.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> Self:
        return type(self)(f"{self.text.rstrip('/')}/{name}")

    @property
    def scheme(self) -> str:
        """What comes before ``://``, which says what store it is."""
        return self.text.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part of its path, empty for that of a folder; on the web, encoded as it is."""
        return self._path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending; that of the server, where there is no name."""
        return PurePosixPath(self.name or self.text.split("/")[2]).stem

    @property
    def suffix(self) -> str:
        """The ending of its name."""
        return PurePosixPath(self.name).suffix

    @property
    def uri(self) -> str:
        """The identity of a source: the URL in plain ASCII."""
        scheme, _, rest = self.text.partition("://")
        return f"{scheme}://{quote(rest, safe=_PLAIN_ON_THE_WEB if scheme in WEB else _PLAIN)}"

    @property
    def _path(self) -> str:
        rest = self.text.partition("://")[2]
        path = rest if self.scheme == "memory" else rest.partition("/")[2]  # which has no server
        return path.partition("?")[0] if self.scheme in WEB else path


type Location = Path | Url
"""Where a file or folder is."""


def is_url(text: str) -> bool:
    """Return whether text is a URL, as ``s3://bucket/x.txt`` is, rather than a path."""
    return _URL.match(text) is not None


def location(value: str | os.PathLike[str] | Url) -> Location:
    """Return where a path or URL leads: an absolute path, also for a URL of ``file://``, or a ``Url``.

    Raises:
        InputError: ``input.url``: a URL holds a password, a signature or a chain of URLs, or is too long.
    """
    if isinstance(value, Url):
        return value
    # What is a path already is none, whatever its folders are called.
    if not isinstance(value, str) or not (match := _URL.fullmatch(value)):
        return Path(value).absolute()
    scheme, rest = match[1].lower(), match[2]
    scheme = _SAME.get(scheme, scheme)
    if scheme in ("file", "local"):
        return _local(scheme, rest)
    if refusal := _refusal(rest, on_the_web=scheme in WEB):
        # Nothing of it is repeated: where a password ends is not certain.
        raise InputError("input.url", f"{scheme}://…: {refusal}")
    if scheme in WEB:
        server, _, path = rest.partition("#")[0].partition("/")
        rest = f"{server.lower().removesuffix(_PORTS[scheme])}/{path}"
    return Url(f"{scheme}://{rest.lstrip('/') if scheme == 'memory' else rest}")


def said(text: str) -> str:
    """Return text as a person may see it, and of a URL that is refused nothing but what it is one of."""
    if not is_url(text):
        return shown(text)
    try:
        location(text)
    except InputError:
        return f"{text.partition('://')[0].lower()}://…"
    return shown(text)


def _local(scheme: str, rest: str) -> Path:
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        text = f"{scheme}://{shown(rest)}: a file of this machine is {scheme}:///…, with three slashes"
        raise InputError("input.url", text)
    if "\0" in (path := os.fsdecode(unquote_to_bytes(path)) if scheme == "file" else path):
        raise InputError("input.path", f"{scheme}:///{shown(path)}: a path cannot hold a NUL character")
    return Path(f"/{path}")


def _refusal(rest: str, *, on_the_web: bool) -> str | None:
    """Return why a URL is not taken, if it is not."""
    kept = "as it would be kept; leave it where the store's own tools look for it"
    reasons = {
        f"a URL with a password is not taken, {kept}": _has_password(rest, on_the_web=on_the_web),
        f"a URL with a key or a signature is not taken, {kept}, and name the file alone": _has_key(rest),
        "a chain of URLs is not taken; name the file by one URL": "::" in rest.rpartition("]")[2],
        "names nothing": not rest.strip("/"),
        "a URL cannot hold a NUL character": "\0" in rest,
        "a URL cannot hold a lone surrogate": any("\ud800" <= each <= "\udfff" for each in rest),
        f"a URL of more than {_LONGEST} characters is not taken": len(rest) > _LONGEST,
    }
    return next((reason for reason, so_it_is in reasons.items() if so_it_is), None)


def _has_password(rest: str, *, on_the_web: bool) -> bool:
    user, at, host = rest.partition("/")[0].rpartition("@")
    _, colon, port = host.rpartition("]")[2].rpartition(":")
    # A password may hold a slash, and then its beginning is taken for a port; of S3, an access point has
    # colons. Users alone are taken but on the web, where many a token is given as one.
    no_port = colon and not port.isdecimal() and not host.startswith("arn:")
    return ":" in user or bool(at and on_the_web) or bool(no_port)


def _has_key(rest: str) -> bool:
    beside = (rest.partition(mark)[2] for mark in "?#")
    names = (name for each in beside for name, _ in parse_qsl(each, keep_blank_values=True))
    return any(word.lower() in _SECRET for name in names for word in _WORD.findall(name))
