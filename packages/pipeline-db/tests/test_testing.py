"""The pytest fixtures for users of this package."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline_jobs import JobB, JobC

IMPORTS = """
import os, signal

from pipeline_jobs import OnDuplicate, Source

SOURCE = Source("file:///a", "a")
"""
SQLITE_TESTS = """
def test_one(store):
    store.check()
    assert 1 == store.load(SOURCE, [], OnDuplicate.SKIP).batch_id

def test_two(store, tmp_path):
    assert tmp_path / "pipeline.db" == store.path
    assert not store.path.exists()
"""
POSTGRES_TESTS = """
def test_one(postgres_store):
    assert 1 == postgres_store.load(SOURCE, [], OnDuplicate.SKIP).batch_id

def test_two(postgres_store, postgres_url):
    import psycopg
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        folder = connection.execute("SHOW data_directory").fetchone()[0]
    with open("folder", "w") as file:
        file.write(folder)
    postgres_store.check()
    {last}
"""


@pytest.fixture
def run_pytest(tmp_path):
    """Return a function that runs a user's tests in another process; it returns exit code and output."""

    def run(tests):
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["pipeline_db.testing"]\n')
        (tmp_path / "test_of_a_user.py").write_text(IMPORTS + tests)
        variables = {name: value for name, value in os.environ.items() if name != "PIPELINE_TEST_DB_URL"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
            env={**variables, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_fixture_is_a_store_for_jobs(store):
    batch_id = JobB(store).execute(["a"]).unwrap()

    assert 1 == JobC(store).execute(batch_id).unwrap()


def test_the_module_is_a_pytest_plugin(run_pytest):
    """As the README describes; each test has its own database."""
    code, output = run_pytest(SQLITE_TESTS)

    assert "2 passed" in output, output
    assert 0 == code


@pytest.mark.parametrize(
    ("last", "code"),
    [("", 0), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)],
    ids=["ended", "killed"],
)
def test_the_server_ends_with_the_tests(run_pytest, tmp_path, last, code):
    """Also if they are killed. It takes seconds, as each run starts a server of its own."""
    found, output = run_pytest(POSTGRES_TESTS.format(last=last))

    assert code == found, output
    folder = Path((tmp_path / "folder").read_text())
    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not folder.exists()
