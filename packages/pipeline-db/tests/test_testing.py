"""What helps a user's own tests."""

import os
import subprocess
import sys

from pipeline_jobs import JobB, JobC

THEIRS = """
def test_one(store):
    store.check()
    assert 1 == store.load(SOURCE, [], OnDuplicate.SKIP).batch_id

def test_two(store, tmp_path):
    assert tmp_path / "pipeline.db" == store.path
    assert not store.path.exists()
"""


def test_the_fixture_is_a_store_for_jobs(store):
    batch_id = JobB(store).execute(["a"]).unwrap()

    assert 1 == JobC(store).execute(batch_id).unwrap()


def test_the_fixtures_module_is_a_plugin(tmp_path):
    """As the README tells to use it; each test has a database of its own."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pipeline_db.testing"]\n')
    imports = "from pipeline_jobs import OnDuplicate, Source\nSOURCE = Source('file:///a', 'a')\n"
    (tmp_path / "test_theirs.py").write_text(imports + THEIRS)

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert "2 passed" in result.stdout, result.stdout + result.stderr
