"""The URL of a PostgreSQL database, with a text that never contains the password."""

import os
import re
from typing import Self
from urllib.parse import unquote

_HOST = r"(?:\[[^\]@/?]*\]|[^:,@/?\[\]]*)(?::[0-9]*)?"
_URL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/]*)(?P<password>:[^@/]*)?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)(?P<name>/[^@?]*)?(?P<query>\?(?:\w+=[^&]*(?:&\w+=[^&]*)*)?)?"
)
_SECRET = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
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

    __slots__ = ("_full", "_secrets", "_text")

    def __init__(self, text: str) -> None:
        if not text.isprintable() or " " in text:
            raise ValueError("a URL cannot contain spaces or unprintable characters; write a space as %20")
        if not is_url(text):
            raise ValueError("expected a URL like postgresql://user@host/database")
        match = _URL.fullmatch(text)
        if not match:
            text = "expected a URL like postgresql://user@host:5432/database?sslmode=require"
            raise ValueError(f"{text}; in a password, write @ as %40 and / as %2F")
        user, password, query = match["user"] or "", match["password"] or "", match["query"] or ""
        pairs = [pair.partition("=") for pair in query[1:].split("&") if pair]
        kept = "&".join(key + equals + value for key, equals, value in pairs if unquote(key) not in _SECRET)
        secrets = [password[1:], *(value for key, _, value in pairs if unquote(key) in _SECRET)]
        self._full = text
        self._text = "".join(
            (
                "postgresql://",
                f"{user}@" if user else "",
                match["hosts"],
                match["name"] or "",
                f"?{kept}" if kept else "",
            )
        )
        self._secrets = tuple(secret for secret in secrets if secret)

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
        """Whether it contains a password or another secret."""
        return bool(self._secrets)

    @property
    def with_password(self) -> str:
        """The complete URL, for libpq only."""
        return self._full

    def redact(self, text: str) -> str:
        """Return a driver's message without the password, which the driver may have repeated."""
        secrets = {spelling for secret in self._secrets for spelling in (secret, unquote(secret))}
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _MIN_REDACTED:
                text = text.replace(secret, "…")
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


def is_url(text: str) -> bool:
    """Return whether a text is meant as the URL of a PostgreSQL database, valid or not."""
    return text.startswith(("postgresql://", "postgres://"))
