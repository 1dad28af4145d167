"""The URL of a PostgreSQL database, with a text that never contains the password."""

import os
import re
from collections.abc import Iterable
from typing import Self
from urllib.parse import unquote

_HOST = r"(?:\[[^\]@/?#]*\]|[^:,@/?#\[\]]*)(?::[0-9]*)?"
_PAIR = "[a-z0-9_]+=[^&]*"  # libpq knows no other names; in capitals or encoded, they would hide a password
_URL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?#]*)(?P<password>:[^@/]*)?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?P<name>/[^@?#]*)?(?P<query>\?(?:{_PAIR}(?:&{_PAIR})*)?)?"
)
# Also names that libpq refuses, such as passwd: what they hold is meant as a secret.
_SECRET = re.compile(r"pass(?!file$)|pwd|secret|token|credential|scram_\w*key")
_ADDRESS = frozenset({"dbname", "host", "hostaddr", "port", "user"})
"""Parameters whose values a driver's message may repeat: it names the server by them."""
_MIN_REDACTED = 4
"""Characters; a shorter secret is not redacted from a driver's message, as it may be part of any word."""
_VARIABLE = "PIPELINE_DB_URL"


class DatabaseUrl:
    """The URL of a PostgreSQL database, in libpq's notation.

    Its text and its pickle do not contain the password, and comparison ignores it. An unpickled URL takes
    the password from ``PIPELINE_DB_URL`` if that is the same URL otherwise. If not, libpq searches for one
    as usual: in ``PGPASSWORD``, ``~/.pgpass`` or a service file.

    Args:
        text: begins with ``postgresql://`` or ``postgres://``.

    Raises:
        ValueError: the URL is invalid; the message does not repeat any part of it.
    """

    __slots__ = ("_full", "_hidden", "_secrets", "_text", "shown")

    shown: str
    """For messages: the text without the query too."""

    def __init__(self, text: str) -> None:
        if not text.isprintable() or " " in text:
            raise ValueError("a URL cannot contain spaces or unprintable characters; write a space as %20")
        if not is_url(text):
            raise ValueError("expected a URL like postgresql://user@host/database")
        match = _URL.fullmatch(text)
        if not match:
            text = "expected a URL like postgresql://user@host:5432/database?sslmode=require"
            hint = "in a password, write @ as %40 and / as %2F; elsewhere, write # as %23"
            raise ValueError(f"{text}; {hint}; names of parameters are lower case")
        user, password, query = match["user"] or "", match["password"] or "", match["query"] or ""
        pairs = [pair.partition("=")[::2] for pair in query[1:].split("&") if pair]
        secrets = [password[1:], *(value for key, value in pairs if _SECRET.search(key))]
        kept = [(key, value) for key, value in pairs if not _SECRET.search(key)]
        if any("#" in value for _, value in kept):
            raise ValueError("the URL of a database has no fragment; write # as %23")
        user = f"{user}@" if user else ""
        address = f"postgresql://{user}{match['hosts']}{match['name'] or ''}"
        self._full = text
        self._text = f"{address}?{'&'.join(map('='.join, kept))}" if kept else address
        self.shown = f"{address}?…" if pairs else address
        self._secrets = tuple(secret for secret in secrets if secret)
        self._hidden = tuple(value for key, value in kept if value and key not in _ADDRESS)

    @classmethod
    def complete(cls, text: str) -> Self:
        """Return a URL with the password from ``PIPELINE_DB_URL``, if that is the same URL otherwise."""
        url = cls(text)
        full = os.environ.get(_VARIABLE, "")
        if url.has_password or not is_url(full):
            return url
        try:
            other = cls(full)
        except ValueError:
            return url
        return other if other == url else url

    @property
    def has_password(self) -> bool:
        """True if it contains a password or another secret."""
        return bool(self._secrets)

    @property
    def with_password(self) -> str:
        """The complete URL, for libpq only."""
        return self._full

    def redact(self, text: str) -> str:
        """Return a driver's message without what it repeats of the password and the query."""
        for secret in _list_spellings(self._secrets):
            if len(secret) >= _MIN_REDACTED:
                text = text.replace(secret, "…")
        # Of these, only what the driver quotes: one may be a word like any other.
        for value in _list_spellings(self._hidden):
            parts = {value, *re.findall(r"=([^\s=]+)", value)}  # options hold settings of the server
            for part in sorted(parts, key=len, reverse=True):
                text = re.sub(rf"(?<=[\"'«„“]){re.escape(part)}(?=[\"'»“”])", "…", text)
        return text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"DatabaseUrl({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DatabaseUrl) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # Only the text without the password is sent to another process.
        return type(self).complete, (self._text,)


def _list_spellings(values: Iterable[str]) -> list[str]:
    """Return values as they stand in a URL and as they are meant, the longest first."""
    spellings = {spelling for value in values for spelling in (value, unquote(value))}
    return sorted(spellings, key=len, reverse=True)


def is_url(text: str) -> bool:
    """Return whether a text is meant as the URL of a PostgreSQL database, valid or not."""
    return text.startswith(("postgresql://", "postgres://"))
