"""PostgreSQL: connections, migrations, bulk insert, diagnostics.

This module itself needs no psycopg; all others in the folder do.
"""

from pipeline_db.database_url import DatabaseUrl
from pipeline_db.exceptions import DatabaseError


def check_driver(url: DatabaseUrl) -> None:
    """Make sure that psycopg is installed.

    Raises:
        DatabaseError: ``database.no_driver``.
    """
    try:
        import psycopg  # noqa: F401, PLC0415  # 0.2 s to import
    except ImportError as error:  # also when psycopg is installed but libpq is not
        reason = str(error).partition("\n")[0]
        text = "PostgreSQL needs psycopg; install it with: pip install './packages/pipeline-db[postgres]'"
        raise DatabaseError("database.no_driver", f"{url.shown}: {text} ({reason})") from error
