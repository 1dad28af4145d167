"""File systems that are read-only or full, mounted for one process only."""

import shutil
import subprocess
import sys
from functools import partial

import pytest

from pipeline_jobs import Finalized, OnDuplicate, Record, Source

A = Source("file:///a", "a")

PROGRAM = """
import sys
from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source

store = PeeweeStore(sys.argv[1])
chunks = ([Record(n, "x" * 1000) for n in range(first, first + 1000)] for first in range(1, 100_000, 1000))
load = lambda: store.load(Source("file:///b", "b"), chunks, OnDuplicate.SKIP)
for call in (store.check, load, store.check):
    try:
        call()
    except DatabaseError as error:
        print(error.code, error)
    else:
        print("done")
"""


@pytest.fixture(scope="module")
def run_mounted():
    """Run a program after a shell has mounted a file system for it; skip if run_mounted is not allowed."""
    run = partial(subprocess.run, capture_output=True, encoding="utf-8", check=False)
    unshare = [shutil.which("unshare") or "", "--map-root-user", "--mount", "sh", "-c"]
    if not unshare[0] or run([*unshare, "mount -t tmpfs none /mnt"]).returncode:
        pytest.skip("this user may not mount file systems")

    def run_program(folder, before, path, after="true"):
        program = [sys.executable, "-c", PROGRAM, path]
        result = run([*unshare, f'{before} && "$@"; {after}', folder, *program])
        assert result.stderr == ""
        return result.stdout.splitlines()

    return run_program


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'


def test_a_read_only_file_system_is_rejected(store, run_mounted):
    store.load(A, [], OnDuplicate.SKIP)

    checked, loaded, _ = run_mounted(store.path.parent, READ_ONLY, store.path)

    assert f"database.read_only {store.path}: cannot be written; name another file with --db-path" == checked
    assert loaded.startswith(("database.read_only ", "database.unavailable "))  # depends on the journal


def test_a_new_database_on_a_read_only_file_system_is_rejected(tmp_path, run_mounted):
    path = tmp_path / "p.db"

    checked, loaded, _ = run_mounted(tmp_path, READ_ONLY, path)

    assert f"database.unavailable {path}: cannot be created in {tmp_path}" == checked
    assert f"database.unavailable {path}: cannot be created: Read-only file system" == loaded


def test_a_full_disk_is_reported_and_leaves_nothing(store, run_mounted, tmp_path, ask):
    """Though the file had grown by far more than SQLite's cache: the next connection undoes that."""
    store.load(A, [[Record(1, "x")]], OnDuplicate.SKIP)
    small = tmp_path / "small"
    small.mkdir()
    before = f'mount -t tmpfs -o size=10m none "$0" && cp "{store.path}" "$0"'

    lines = run_mounted(small, before, small / store.path.name, f'ls "$0"; cp "$0"/* "{store.path}"')

    assert [
        "done",
        f"database.full {small / store.path.name}: the disk is full (database or disk is full)",
        "done",
        store.path.name,
    ] == lines
    assert [("ok",)] == ask(store.path, "PRAGMA integrity_check")
    assert [(1, 1)] == ask(store.path, "SELECT batch_id, line_number FROM processed_records")
    assert Finalized(1, 1) == store.finalize(1)
