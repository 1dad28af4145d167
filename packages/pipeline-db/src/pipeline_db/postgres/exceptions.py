"""Translation of psycopg's errors into errors with a code that name the database, never its password."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from pipeline_db.database_url import DatabaseUrl
from pipeline_db.exceptions import CorruptError, DatabaseError
from pipeline_jobs.escaping import escape

from .bulk_insert import CopyRows

# https://www.postgresql.org/docs/current/errcodes-appendix.html; the first two characters are the class.
_LOCK_TIMEOUT = "55P03"
_CORRUPT = ("XX001", "XX002")
_RETRY = "run the same command again"
_CODES: dict[str, tuple[str, str, bool]] = {
    "08": ("database.lost", f"the connection was lost; {_RETRY}", True),
    "57P": ("database.lost", f"the server ended the connection; {_RETRY}", True),
    "25P": ("database.lost", f"the server ended the transaction; {_RETRY}", True),
    "57014": ("database.cancelled", "the server cancelled the statement", True),
    "40": ("database.conflict", f"conflict with another transaction; {_RETRY}", True),
    "53300": ("database.unavailable", "the server has too many connections; try again later", True),
    "53100": ("database.full", "the server's disk is full", False),
    "53": ("database.failed", "the server lacks resources", True),
    "28": ("database.denied", "access is denied", False),
    "42501": ("database.denied", "access is denied", False),
    "25006": ("database.read_only", "it is read-only", False),
    "58": ("database.io", "the server could not read or write a file", False),
}
# While a connection is made, libpq gives a message but no code. A message that is not in English is
# `database.unavailable`.
_CONNECT_MESSAGES: dict[str, tuple[str, str, bool]] = {
    "password": ("database.denied", "access is denied", False),
    "authentication failed": ("database.denied", "access is denied", False),
    "pg_hba.conf": ("database.denied", "access is denied", False),
    "permission denied for database": ("database.denied", "access is denied", False),
    "does not exist": ("database.unavailable", "it cannot be opened", False),
    "invalid URI": ("database.unavailable", "its URL is invalid", False),
    ' value: "': ("database.unavailable", "its URL is invalid", False),  # such as an unknown sslmode
}
# What psycopg stumbles over where an answer does not fit, such as no number in a column of numbers.
_STUMBLES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_COPY_LINE = re.compile(r"^COPY .*?, \D*(\d+)", re.MULTILINE)  # "COPY orders, line 7", in any language
_UNREACHABLE = ("database.unavailable", "the server cannot be reached; try again later", True)


class AnswerTimeoutError(psycopg.OperationalError):
    """A server has not answered in time."""


class WrongAnswerError(psycopg.DataError):
    """A server has answered, but not what it was asked."""

    def __init__(self) -> None:
        super().__init__("the answer does not fit the question; check that this is a PostgreSQL server")


@contextmanager
def translate_errors(url: DatabaseUrl, busy_timeout: float, *, connecting: bool = False) -> Iterator[None]:
    """Raise a ``DatabaseError`` for any error that psycopg raises in the block."""
    try:
        yield
    except _STUMBLES:
        # Its text may show what a server sent in place of an answer.
        raise _translate_error(WrongAnswerError(), url, busy_timeout, connecting=connecting) from None
    except psycopg.Error as error:
        translated = _translate_error(error, url, busy_timeout, connecting=connecting)
        if url.redact(str(error)) != str(error):
            raise translated from None  # the cause would show the password, or a part of the query
        raise translated from error


def describe_rejection(error: psycopg.Error, copied: Sequence[CopyRows]) -> str | None:
    """Describe a row that its table refuses during a COPY, without its data.

    Args:
        error: of the server.
        copied: what the COPY was given.

    Returns:
        A text with table and line; None if this COPY was of records.
    """
    if not copied or copied[0].table is None:
        return None
    found = _COPY_LINE.search(error.diag.context or "")
    line = _find_line(int(found[1]), copied) if found else None
    # Without one it is a foreign key, which is checked at the end of the COPY.
    lines = f"{line or f'{copied[0].line_numbers[0]} to {copied[-1].line_numbers[-1]}'}"
    where = f"table {copied[0].table}, line {lines}"
    if isinstance(error, psycopg.IntegrityError):  # names the constraint only
        return f"{where}: {escape(' '.join((error.diag.message_primary or '').split()))}"
    return f"{where}: a value does not fit its column (SQLSTATE {error.sqlstate})"


def _find_line(position: int, copied: Sequence[CopyRows]) -> int | None:
    """Return the line number in its source of a row, given its position in the COPY, from 1."""
    for rows in copied:
        if position <= len(rows.line_numbers):
            return rows.line_numbers[position - 1]
        position -= len(rows.line_numbers)
    return None


def _translate_error(
    error: psycopg.Error, url: DatabaseUrl, busy_timeout: float, *, connecting: bool
) -> DatabaseError:
    # The primary message only: the details of an error contain records.
    message = error.diag.message_primary or str(error).split("\n\t")[0]
    message = escape(" ".join(url.redact(message).split())) or "the server gives no reason"
    state = error.sqlstate or ""
    if state == _LOCK_TIMEOUT:
        text = f"{url.shown}: in use by another process for over {busy_timeout:g} s; try again later"
        return DatabaseError("database.busy", f"{text}, or wait longer with --busy-timeout")
    if state in _CORRUPT:
        return CorruptError("corrupt.database", f"{url.shown}: is damaged ({message}); restore a backup")
    if isinstance(error, AnswerTimeoutError):
        hint = f"check the server, then {_RETRY}, or wait longer with --busy-timeout"
        # Not retriable: the time for more than one attempt has been waited already.
        return DatabaseError("database.lost", f"{url.shown}: {message}; {hint}")
    if connecting and not state:
        matches = (found for words, found in _CONNECT_MESSAGES.items() if words in message)
        code, text, retriable = next(matches, _UNREACHABLE)
    elif not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        code, text, retriable = _CODES["08"]
    else:
        keys = (key for key in (state, state[:3], state[:2]) if key in _CODES)
        code, text, retriable = _CODES.get(next(keys, ""), ("database.failed", "", False))
    text = f"{url.shown}: {text} ({message})" if text else f"{url.shown}: {message}"
    return DatabaseError(code, text, retriable=retriable)
