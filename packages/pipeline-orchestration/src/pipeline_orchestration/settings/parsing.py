"""Parsers of single values: each returns the typed value, or raises `ValueError`.

They are written by hand: `msgspec.convert` and Pydantic would need a translation of each of their messages,
which is longer than these functions, and would slow down ``--help``, which reads the declarations.
For the same reason, what only a parser needs is imported in it.
"""

import os
import re
import reprlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import PipelineError

if TYPE_CHECKING:
    from pipeline_db import DatabaseUrl
    from pipeline_jobs.reject_limit import RejectLimit
    from pipeline_jobs.storage.location import Location

type Parser = Callable[[object], object]


def parse_folder(value: object) -> "Location":
    """Return an absolute path, or the URL of a folder in an object store."""
    if isinstance(value, os.PathLike) and re.match(r"[a-z][a-z0-9+.-]+:/[^/]", os.fsdecode(value)):
        from pipeline_jobs.storage.location import hide_query  # noqa: PLC0415  # see above

        text = f"{hide_query(os.fsdecode(value))}: give a URL as text, because a path object drops a slash"
        raise ValueError(text)
    return _parse_location(value)


def parse_file(value: object) -> Path:
    """Return the absolute path of a file that is given as a path or as a ``file://`` URL."""
    # The message does not repeat the URL, which may hold a password.
    if isinstance(value, str) and value.startswith(("postgres://", "postgresql://")):
        raise ValueError("this is a database URL; give it as db_url, or --db-url")
    location = _parse_location(value)
    if not isinstance(location, Path):
        raise ValueError(f"expected a file on this machine, got a URL of {escape(location.scheme)}")  # noqa: TRY004  # all that a parser raises
    return location


def parse_database_url(value: object) -> "DatabaseUrl | None":
    """Return the URL of a PostgreSQL database, with the password of the environment if it holds none."""
    if value is None:
        return None
    from pipeline_db import DatabaseUrl  # noqa: PLC0415  # imports Peewee, 0.05 s; most runs use a file

    # Messages do not repeat a value of another type either: it may hold a password.
    return value if isinstance(value, DatabaseUrl) else DatabaseUrl.complete(str(value))


def parse_text(value: object) -> str:
    """Return text as it is."""
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {value!r}")  # noqa: TRY004  # all that a parser raises
    return value


def parse_encoding_name(value: object) -> str:
    """Return the name of a text encoding that Python knows."""
    from pipeline_jobs import parse_encoding  # noqa: PLC0415  # imports msgspec, 20 ms; --help does without

    try:
        return parse_encoding(parse_text(value))
    except PipelineError as error:
        raise ValueError(str(error)) from error


def parse_max_rejects(value: object) -> "RejectLimit":
    """Return the limit that a number or a percentage of rejected rows stands for."""
    from pipeline_jobs.reject_limit import parse_reject_limit  # noqa: PLC0415  # see above; most runs have none

    return parse_reject_limit(value)


def make_choice_parser(choices: type[StrEnum]) -> Parser:
    """Return a parser that accepts the values of an enumeration, in upper or lower case."""
    members = {choice.casefold(): choice for choice in choices}

    def parse_choice(value: object) -> StrEnum:
        try:
            return members[str(value).casefold()]
        except KeyError as error:
            raise ValueError(f"expected {_join_alternatives(list(choices))}, got {value!r}") from error

    return parse_choice


def make_number_parser[Number: (int, float)](
    kind: type[Number], least: int, most: int, unit: str = ""
) -> Parser:
    """Return a parser of numbers between two bounds, both included.

    Args:
        kind: `int` or `float`.
        least: lower bound.
        most: upper bound.
        unit: of the number, for the message, such as ``seconds``.
    """
    what = f"a number of {unit}" if unit else "a whole number"

    def parse_number(value: object) -> Number:
        number = None
        with suppress(ValueError):  # also of an integer of more than 4,300 digits
            # By its text: `int` cuts off the fraction of 1.5, takes True for 1, and accepts 1_000 and ٣.
            if _NUMBER.fullmatch(text := str(value)):
                number = kind(text)
        if number is None or not least <= number <= most:  # also where it is not-a-number
            raise ValueError(f"expected {what} from {least} to {most}, got {reprlib.repr(value)}")
        return number

    return parse_number


_NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)


def make_address_parser(*schemes: str) -> Parser:
    """Return a parser of the address of a cluster, as ``scheme://host:port`` without a password."""
    # The address is printed, logged and shown on Prefect's pages.
    pattern = re.compile(rf"({'|'.join(schemes)})://[^\s/@?#]+(/[^\s?#]*)?")

    def parse_address(value: object) -> str:
        if not (isinstance(value, str) and pattern.fullmatch(value)):
            addresses = [f"{scheme}://host:port" for scheme in schemes]
            raise ValueError(f"expected {_join_alternatives(addresses)}, without a password")
        return value

    return parse_address


def make_optional(parse: Parser) -> Parser:
    """Return a parser that also accepts None."""
    return lambda value: None if value is None else parse(value)


def _parse_path(value: object) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"expected a path, got {value!r}")  # noqa: TRY004  # all that a parser raises
    path = Path(os.fsdecode(value))
    if "\0" in str(path):
        raise ValueError("a path cannot hold a NUL character")
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # as for ~nobody/data
        raise ValueError(f"there is no home directory {escape(path.parts[0])}") from error


def _parse_location(value: object) -> "Location":
    """Return an absolute path, or a URL."""
    from pipeline_jobs.storage.location import Url, is_url, parse_location  # noqa: PLC0415  # see above

    if isinstance(value, Url):
        return value
    if not (isinstance(value, str) and is_url(value)):
        return _parse_path(value)
    try:
        return parse_location(value)
    except PipelineError as error:
        raise ValueError(str(error)) from error


def _join_alternatives(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
