"""Diagnostics of a database, by file or by URL."""

import subprocess
import sys

import pytest

from pipeline_db import DatabaseUrl, examine_database


def test_a_path_is_a_file_and_a_url_a_server(tmp_path):
    url = "postgresql:///d?host=/nowhere"
    names = [[finding.what for finding in examine_database(place)] for place in (str(tmp_path / "p.db"), url)]

    assert [["SQLite", "database", "file system", "journal"], ["psycopg", "database"]] == names
    assert names[1] == [finding.what for finding in examine_database(DatabaseUrl(url))]


def test_an_invalid_url_is_an_error():
    with pytest.raises(ValueError, match=r"^expected a URL like postgresql://"):
        examine_database("postgresql://a:b/c@d/e")


def test_a_missing_driver_is_a_finding(monkeypatch):
    """It says what to install, without the password."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    (finding,) = examine_database("postgresql://me:s3cret@h/d")

    assert ("database", "postgresql://me@h/d", "database.no_driver") == (
        finding.what,
        finding.found,
        finding.error.code,
    )
    text = "PostgreSQL needs psycopg; install it with: pip install './packages/pipeline-db[postgres]'"
    assert str(finding.error).startswith(f"postgresql://me@h/d: {text} (")


def test_importing_the_package_imports_no_diagnostics():
    code = (
        "import sys, pipeline_db; print('pipeline_db.diagnostics' in sys.modules, hasattr(pipeline_db, 'x'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False False\n" == done.stdout
