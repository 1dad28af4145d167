"""The server that tests are lent: it ends with them, however they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

THEIRS = """
import os, signal, psycopg

def test_one(postgres_store):
    assert 1 == postgres_store.load(SOURCE, [], OnDuplicate.SKIP).batch_id

def test_two(postgres_store, postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        folder = connection.execute("SHOW data_directory").fetchone()[0]
    with open("folder", "w") as file:
        file.write(folder)
    postgres_store.check()
    {last}
"""


@pytest.mark.parametrize(
    ("last", "code"),
    [("", 0), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)],
    ids=["ended", "killed"],
)
def test_nothing_of_the_server_is_left(tmp_path, last, code):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pipeline_db.testing"]\n')
    imports = "from pipeline_jobs import OnDuplicate, Source\nSOURCE = Source('file:///a', 'a')\n"
    (tmp_path / "test_theirs.py").write_text(imports + THEIRS.format(last=last))
    variables = {name: value for name, value in os.environ.items() if name != "PIPELINE_TEST_DB_URL"}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        env={**variables, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert code == done.returncode, done.stdout + done.stderr
    folder = Path((tmp_path / "folder").read_text())
    end = time.monotonic() + 60
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not folder.exists()
