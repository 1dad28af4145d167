"""Diagnostics of a database that change nothing: no file is created, rolled back or migrated."""

from pathlib import Path

from pipeline_jobs import Finding

from .database_url import DatabaseUrl, is_url
from .exceptions import DatabaseError
from .postgres import check_driver
from .sqlite.diagnostics import examine_file


def examine_database(place: Path | str | DatabaseUrl, *, sends_password: bool = True) -> list[Finding]:
    """Report which library is in use, how durable a commit is, and whether the database is intact.

    Do not call this for a SQLite file that this process has open: closing the file here drops the locks of
    the whole process on it.

    Args:
        place: a file, or the URL of a PostgreSQL database.
        sends_password: whether a server may be sent a password, that of the URL or of the environment, or a
            certificate.

    Raises:
        ValueError: the URL is invalid.
    """
    if isinstance(place, str) and is_url(place):
        place = DatabaseUrl(place)
    if not isinstance(place, DatabaseUrl):
        return examine_file(Path(place).absolute())
    try:
        check_driver(place)
    except DatabaseError as error:
        return [Finding("database", place.shown, error)]
    from .postgres.diagnostics import examine_server  # noqa: PLC0415  # psycopg takes 0.2 s to import

    return examine_server(place, sends_password=sends_password)
