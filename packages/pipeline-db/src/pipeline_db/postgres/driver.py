"""Whether the driver is installed; asked before anything that imports it."""

from pipeline_db.errors import DatabaseError
from pipeline_db.url import DatabaseUrl


def missing_driver(url: DatabaseUrl) -> DatabaseError | None:
    """Return what to do where psycopg is not installed; None where it is."""
    try:
        import psycopg  # noqa: F401, PLC0415  # 0.2 s to import
    except ImportError as error:  # of psycopg, or of libpq, without which it is of no use
        text = f"{url}: PostgreSQL takes psycopg; pip install './packages/pipeline-db[postgres]'"
        return DatabaseError("database.no_driver", f"{text} ({str(error).partition(chr(10))[0]})")
    return None
