"""The URL of a PostgreSQL database, whose text never holds the password."""

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
_SHORTEST = 4
"""Characters from which on a secret is looked for in what a driver says: a shorter one is in every word."""
_VARIABLE = "PIPELINE_DB_URL"


class DatabaseUrl:
    """Where a PostgreSQL database is, as libpq reads it.

    The text, what is pickled and what is compared are without the password. Pickled and read again, it takes
    the password of ``PIPELINE_DB_URL`` there, if the rest of that is the same; else libpq looks for one as
    always: in ``PGPASSWORD``, ``~/.pgpass`` or a service file.

    Args:
        text: begins with ``postgresql://`` or ``postgres://``.

    Raises:
        ValueError: it is no such URL; the message does not hold any of it.
    """

    __slots__ = ("_secrets", "_text", "_whole")

    def __init__(self, text: str) -> None:
        if not text.isprintable() or " " in text:
            raise ValueError("a URL holds no space and nothing that does not print; write %20 for a space")
        if not is_url(text):
            raise ValueError("expected a URL as postgresql://user@host/database")
        found = _URL.fullmatch(text)
        if not found:
            text = "expected a URL as postgresql://user@host:5432/database?sslmode=require"
            raise ValueError(f"{text}; in a password, @ is written %40 and / is written %2F")
        user, password, query = found["user"] or "", found["password"] or "", found["query"] or ""
        pairs = [pair.partition("=") for pair in query[1:].split("&") if pair]
        kept = "&".join(key + equals + value for key, equals, value in pairs if unquote(key) not in _SECRET)
        secrets = [password[1:], *(value for key, _, value in pairs if unquote(key) in _SECRET)]
        self._whole = text
        self._text = "".join(
            (
                "postgresql://",
                f"{user}@" if user else "",
                found["hosts"],
                found["name"] or "",
                f"?{kept}" if kept else "",
            )
        )
        self._secrets = tuple(secret for secret in secrets if secret)

    @classmethod
    def completed(cls, text: str) -> Self:
        """Return a URL, with the password of ``PIPELINE_DB_URL`` where that is the same URL but for it."""
        url = cls(text)
        whole = os.environ.get(_VARIABLE, "")
        if url.has_password or not is_url(whole):
            return url
        try:
            other = cls(whole)
        except ValueError:
            return url
        return other if other == url else url

    @property
    def has_password(self) -> bool:
        """Whether it brings a password, or anything else that is secret."""
        return bool(self._secrets)

    @property
    def with_password(self) -> str:
        """The whole of it, for libpq alone."""
        return self._whole

    def scrubbed(self, text: str) -> str:
        """Return what a driver says without the password, in case that it repeats it."""
        secrets = {each for secret in self._secrets for each in (secret, unquote(secret))}
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST:
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
        # Over to another process goes what may be seen.
        return type(self).completed, (self._text,)


def is_url(text: str) -> bool:
    """Return whether a text means a PostgreSQL database; it may be no right URL all the same."""
    return text.startswith(("postgresql://", "postgres://"))
