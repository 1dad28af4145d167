"""What psycopg raises, turned into errors that name the database, and never its password."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pipeline_db.errors import CorruptError, DatabaseError
from pipeline_db.url import DatabaseUrl
from pipeline_jobs import shown

# https://www.postgresql.org/docs/current/errcodes-appendix.html; a code's first two characters are its class.
_CORRUPT = ("XX001", "XX002")
_LATER = "run the same command again"
_CODES: dict[str, tuple[str, str, bool]] = {
    "08": ("database.lost", f"the connection was lost; {_LATER}", True),
    "57P": ("database.lost", f"the server ended the connection; {_LATER}", True),
    "25P": ("database.lost", f"the server ended the transaction; {_LATER}", True),
    "57014": ("database.cancelled", "the server cancelled the statement", True),
    "40": ("database.conflict", f"another transaction was in the way; {_LATER}", True),
    "53300": ("database.unavailable", "the server has too many connections; try again later", True),
    "53100": ("database.full", "the server's disk is full", False),
    "53": ("database.failed", "the server lacks resources", True),
    "28": ("database.denied", "access is denied", False),
    "42501": ("database.denied", "access is denied", False),
    "25006": ("database.read_only", "it is read-only", False),
    "58": ("database.io", "the server could not read or write a file", False),
}
# While a connection is made, libpq gives words alone; what is in another language is `database.unavailable`.
_WORDS: dict[str, tuple[str, str, bool]] = {
    "password": ("database.denied", "access is denied", False),
    "authentication failed": ("database.denied", "access is denied", False),
    "pg_hba.conf": ("database.denied", "access is denied", False),
    "permission denied for database": ("database.denied", "access is denied", False),
    "does not exist": ("database.unavailable", "it cannot be opened", False),
    "invalid URI": ("database.unavailable", "its URL cannot be used", False),
    ' value: "': (
        "database.unavailable",
        "its URL cannot be used",
        False,
    ),  # an sslmode
}
_UNREACHED = ("database.unavailable", "the server cannot be reached; try again later", True)


@contextmanager
def reported(url: DatabaseUrl, busy_timeout: float, *, connecting: bool = False) -> Iterator[None]:
    """Turn what psycopg raises within the block into a ``DatabaseError``."""
    try:
        yield
    except psycopg.Error as error:
        raised = _translated(error, url, busy_timeout, connecting=connecting)
        if url.has_password and url.scrubbed(str(error)) != str(error):
            raise raised from None
        raise raised from error


def _translated(
    error: psycopg.Error, url: DatabaseUrl, busy_timeout: float, *, connecting: bool
) -> DatabaseError:
    # Alone of what the server says: its details show records.
    said = error.diag.message_primary or str(error).split("\n\t")[0]
    said = shown(" ".join(url.scrubbed(said).split()))
    state = error.sqlstate or ""
    if state == "55P03":
        text = f"{url}: in use by another process for over {busy_timeout:g} s; try again later"
        return DatabaseError("database.busy", f"{text}, or wait longer with --busy-timeout")
    if state in _CORRUPT:
        return CorruptError("corrupt.database", f"{url}: is damaged ({said}); restore a backup")
    if connecting and not state:
        found = next((_WORDS[words] for words in _WORDS if words in said), _UNREACHED)
    elif not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        found = _CODES["08"]
    else:
        keys = (key for key in (state, state[:3], state[:2]) if key in _CODES)
        found = _CODES.get(next(keys, ""), ("database.failed", "", False))
    code, text, retriable = found
    return DatabaseError(code, f"{url}: {text} ({said})" if text else f"{url}: {said}", retriable=retriable)
