"""The message about a lock names the process that holds it."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_db.sqlite import connection, journal
from pipeline_jobs import OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
ONE = [[Record(1, "x")]]
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("SELECT * FROM processing_batches").fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux tells who holds a lock")
@pytest.mark.parametrize(
    ("mode", "statement"),
    [
        ("DELETE", "BEGIN IMMEDIATE"),
        ("DELETE", "BEGIN EXCLUSIVE"),
        ("DELETE", "BEGIN"),
        ("WAL", "BEGIN IMMEDIATE"),
        ("WAL", "BEGIN EXCLUSIVE"),
    ],
)
def test_the_process_that_holds_a_lock_is_named(store, monkeypatch, ask, mode, statement):
    """So that the user knows which process to wait for, or to end."""
    store.load(A, ONE, OnDuplicate.SKIP)
    chosen = {"DELETE": journal.ROLLBACK, "WAL": journal.WAL}[mode]
    monkeypatch.setattr(connection, "choose_journal", lambda _version, _path: chosen)
    ask(store.path, f"PRAGMA journal_mode = {mode}")
    command = [sys.executable, "-c", HOLD, store.path, statement]

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(DatabaseError) as caught:
            PeeweeStore(store.path, busy_timeout=0).load(B, ONE, OnDuplicate.SKIP)
        holder.communicate()

    name = f"process {holder.pid} ({Path(sys.executable).name[:15]})"
    text = f"{store.path}: in use by {name} for over 0 s; try again later, or wait longer with --busy-timeout"
    assert ("database.busy", text) == (caught.value.code, str(caught.value))
