"""Locations of files, paths or URLs in a remote store, parsed and never opened; and the source of records."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import InputError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_MAX_CHARACTERS = 4096  # as of a path; the head of a document has room for three times as many
_LOCAL = ("file", "local")
_SCHEME_ALIASES = {"gcs": "gs", "s3a": "s3"}  # two names of one store would make two sources of one file
WEB = ("http", "https")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# Words in the names of query parameters that hold a key or a signature: X-Amz-Signature, sig …
_SECRET_WORDS = frozenset(
    [
        *("apikey", "auth", "authorization", "credential", "credentials", "jwt", "key"),
        *("passwd", "password", "pwd", "secret", "sig", "signature", "token"),
    ]
)
_URL_USER = re.compile(r"://\S*@")
_URL_QUERY = re.compile(r"(://[^\s'\"<>?#]*)[?#][^\s'\"<>]*")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# Characters that stay as they are in a URI, the identity of a source. In a store's own names, % is a
# character like any other, and is quoted.
_UNQUOTED = "/!$&'()*+,;=:@~"
_UNQUOTED_ON_THE_WEB = f"{_UNQUOTED}%?[]"


@dataclass(frozen=True, slots=True)
class Url:
    """The URL of a file or folder in a remote store, with the properties of a path that concern its name.

    Made by `parse_location`, which refuses passwords and normalizes the URL.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> Self:
        return type(self)(f"{self.text.rstrip('/')}/{name}")

    @property
    def shown(self) -> str:
        """The URL for a message: escaped, without query and fragment."""
        return hide_query(self.text)

    @property
    def scheme(self) -> str:
        """The part before ``://``, which names the kind of store."""
        return self.text.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part of its path, empty for a URL that ends in ``/``; on the web, still encoded."""
        return self._path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its ending; if there is no name, that of the server."""
        return PurePosixPath(self.name or self.text.split("/")[2]).stem

    @property
    def suffix(self) -> str:
        """The ending of its name."""
        return PurePosixPath(self.name).suffix

    @property
    def uri(self) -> str:
        """The identity of a source: the URL in plain ASCII."""
        scheme, _, rest = self.text.partition("://")
        return f"{scheme}://{quote(rest, safe=_UNQUOTED_ON_THE_WEB if scheme in WEB else _UNQUOTED)}"

    @property
    def _path(self) -> str:
        rest = self.text.partition("://")[2]
        path = rest if self.scheme == "memory" else rest.partition("/")[2]  # memory:// has no server
        return path.partition("?")[0] if self.scheme in WEB else path


type Location = Path | Url
"""Where a file or folder is."""


@dataclass(frozen=True, slots=True)
class Source:
    """Identity of the file, URL or data that records come from.

    Args:
        uri: the identity: the URI of the original file with symbolic links resolved; ``memory:`` or
            ``stdin:`` for what has none.
        name: the name shown to a person.
        size: bytes of the original file, where known.
        sha256: hash of the original file, where known.
    """

    uri: str
    name: str
    size: int | None = None
    sha256: str | None = None


MEMORY = Source("memory:", "memory")
"""The source of data handed over in memory that names no other."""

STDIN = Source("stdin:", "stdin")
"""The source of what has no name: standard input, and a pipe that a shell has made."""


def make_source(location: Location) -> Source:
    """Return a file as a source: its URI with symbolic links resolved, or its URL; and its name."""
    if isinstance(location, Url):
        return Source(location.uri, escape(location.name or location.stem))
    resolved = location.resolve()
    return Source(resolved.as_uri(), escape(resolved.name))


def is_url(text: str) -> bool:
    """Return whether a text is a URL, such as ``s3://bucket/x.txt``, and not a path."""
    return _URL.match(text) is not None


def is_remote_url(text: str) -> bool:
    """Return whether a text is a URL, and not one of a file on this machine, such as ``file://localhost/x``."""
    match = _URL.match(text)
    return match is not None and match[1].lower() not in _LOCAL


def parse_location(value: str | os.PathLike[str] | Url) -> Location:
    """Parse a path or URL into an absolute path, also for a URL of ``file://``, or into a ``Url``.

    Raises:
        InputError: ``input.url``: a URL holds a password, a signature or a chain of URLs, or is too long.
    """
    if isinstance(value, Url):
        return value
    # A path object is never a URL, whatever its folders are called.
    if not isinstance(value, str) or not (match := _URL.fullmatch(value)):
        return Path(value).absolute()
    scheme, rest = match[1].lower(), match[2]
    scheme = _SCHEME_ALIASES.get(scheme, scheme)
    if scheme in _LOCAL:
        return _parse_file_url(scheme, rest)
    if reason := _find_refusal(rest, on_the_web=scheme in WEB):
        # The URL is not repeated: it is not certain where a password in it ends.
        raise InputError("input.url", f"{scheme}://…: {reason}")
    if scheme in WEB:
        server, _, path = rest.partition("#")[0].partition("/")
        rest = f"{server.lower().removesuffix(_DEFAULT_PORTS[scheme])}/{path}"
    return Url(f"{scheme}://{rest.lstrip('/') if scheme == 'memory' else rest}")


def hide_query(url: str) -> str:
    """Escape a URL for a message, without query and fragment, which may hold a key under any name."""
    found = re.search("[?#]", url)
    return escape(f"{url[: found.end()]}…" if found else url)


def redact_urls(message: str) -> str:
    """Return a library's message without passwords, queries and fragments of the URLs in it."""
    return _URL_QUERY.sub(r"\1", _URL_USER.sub("://", message))


def redact_url(text: str) -> str:
    """Escape a text for a person; of a URL that `parse_location` refuses, only the scheme is kept."""
    if not is_url(text):
        return escape(text)
    try:
        parse_location(text)
    except InputError:
        return f"{text.partition('://')[0].lower()}://…"
    return escape(text)


def _parse_file_url(scheme: str, rest: str) -> Path:
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        shown = hide_query(f"{scheme}://{rest.rpartition('@')[2]}")
        text = f"{shown}: a file of this machine is {scheme}:///…, with three slashes"
        raise InputError("input.url", text)
    if "\0" in (path := os.fsdecode(unquote_to_bytes(path)) if scheme == "file" else path):
        raise InputError("input.path", f"{scheme}:///{escape(path)}: a path cannot hold a NUL character")
    return Path(f"/{path}")


def _find_refusal(rest: str, *, on_the_web: bool) -> str | None:
    """Return why a URL is refused, or None."""
    hint = "as it would be stored; put it where the store's own tools look for it"
    refusals = {
        f"a URL cannot hold a password, {hint}": _has_password(rest, on_the_web=on_the_web),
        f"a URL cannot hold a key or a signature, {hint}, and give the URL without it": _has_key(rest),
        "a chain of URLs is not supported; name the file by one URL": "::" in rest.rpartition("]")[2],
        "the URL names no file": not rest.strip("/"),
        "a URL cannot hold a NUL character": "\0" in rest,
        "a URL cannot hold a lone surrogate": any("\ud800" <= each <= "\udfff" for each in rest),
        f"a URL cannot have more than {_MAX_CHARACTERS} characters": len(rest) > _MAX_CHARACTERS,
    }
    return next((reason for reason, applies in refusals.items() if applies), None)


def _has_password(rest: str, *, on_the_web: bool) -> bool:
    user, at, host = rest.partition("/")[0].rpartition("@")
    _, colon, port = host.rpartition("]")[2].rpartition(":")
    # A password may hold a slash, and then its beginning looks like a port that is not a number. The name of
    # an S3 access point (arn:…) has colons too. A user without a password is refused on the web alone, where
    # tokens are often given that way.
    bad_port = colon and not port.isdecimal() and not host.startswith("arn:")
    return ":" in user or bool(at and on_the_web) or bool(bad_port)


def _has_key(rest: str) -> bool:
    parameters = (rest.partition(mark)[2] for mark in "?#")
    names = (name for each in parameters for name, _ in parse_qsl(each, keep_blank_values=True))
    return any(word.lower() in _SECRET_WORDS for name in names for word in _WORD.findall(name))
