"""Diagnostics of the contents of a database file, in any state, without changing a byte of it."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from pipeline_db.sqlite import diagnostics
from pipeline_db.sqlite.diagnostics import examine_contents
from pipeline_db.sqlite.migrations import STEPS
from pipeline_jobs import OnDuplicate, Record, Source

SCHEMA = ("schema", "version 3, current", None, None)
SOUND = ("integrity", "no damage found, and every record has its batch", None, None)
DONE = ("batches", "1 finalized, none unfinished", None, None)
UNFINISHED = (
    "contents",
    "an unfinished change, left by a process that was killed",
    "the next run undoes or completes it, nothing is lost; after that its contents can be examined",
    None,
)
KILLED = """
import os, signal, sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
connection.execute("PRAGMA cache_size = 1")  # writes to the file before the commit
connection.execute("BEGIN")
connection.execute(
    "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
    "INSERT INTO processed_records SELECT 1, i, hex(zeroblob(4000)) FROM n"
)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def batch(store):
    """A store with a finalized batch of one record."""
    store.load(Source("file:///a", "a"), [[Record(1, "x")]], OnDuplicate.SKIP)
    store.finalize(1)
    return store


@pytest.fixture
def examine_store(store, files):
    """Examine the store's database, check that nothing changed, and return the findings as values."""

    def examine():
        before = files(store.path.parent)
        findings = examine_contents(store.path)
        changed = {name for name, content in files(store.path.parent).items() if before.get(name) != content}
        assert changed <= {f"{store.path.name}-shm"} & set(before)  # shared memory, not data
        return [
            (
                each.what,
                each.found,
                each.hint,
                each.error and (each.error.code, str(each.error).removeprefix(f"{store.path}: ")),
            )
            for each in findings
        ]

    return examine


def test_a_sound_database(batch, examine_store):
    assert [SCHEMA, SOUND, DONE] == examine_store()


@pytest.mark.parametrize(("count", "listed"), [(1, "2"), (3, "4, 3, 2"), (4, "5, 4, 3, …")])
def test_unfinished_batches_are_listed_newest_first(batch, examine_store, count, listed):
    for number in range(count):
        batch.load(Source(f"file:///{number}", "b"), [], OnDuplicate.SKIP)

    hint = "repeat the command that loaded it"
    expected = ("batches", f"1 finalized, {count} unfinished: {listed}", hint, None)
    assert [SCHEMA, SOUND, expected] == examine_store()


def test_an_empty_file_has_no_schema_yet(store, examine_store):
    store.path.touch()

    assert [("schema", "none yet, created by the first load", None, None), SOUND] == examine_store()


def test_an_older_schema_is_not_migrated(batch, ask, examine_store):
    ask(batch.path, "DROP VIEW finalized_records")
    ask(batch.path, "PRAGMA user_version = 1")

    older = ("schema", "version 1, migrated to 3 by the next load", None, None)
    assert [older, SOUND, DONE] == examine_store()


def test_a_newer_schema_is_an_error_and_integrity_is_examined(batch, ask, examine_store):
    ask(batch.path, f"PRAGMA user_version = {len(STEPS) + 1}")

    text = f"has schema version {len(STEPS) + 1}, this program supports {len(STEPS)}; upgrade pipeline-db"
    assert [("schema", "cannot be used", None, ("database.newer", text)), SOUND] == examine_store()


def test_the_contents_of_a_foreign_database_are_not_examined(store, ask, examine_store):
    ask(store.path, "CREATE TABLE other (x)")

    text = "belongs to another program; name another file with --db-path, or run: pipeline adopt"
    assert [("schema", "cannot be used", None, ("database.foreign", text))] == examine_store()


def test_a_file_that_is_not_a_database(store, examine_store):
    store.path.write_text("no database\n" * 100)

    text = "is not a SQLite database; name another file with --db-path (file is not a database)"
    assert [("contents", "cannot be read", None, ("database.not_a_database", text))] == examine_store()


def test_a_damaged_page_is_found(batch, examine_store):
    """The last page holds the records or an index, so it is found only when all pages are read."""
    content = bytearray(batch.path.read_bytes())
    content[-4096:-4000] = 96 * b"\xff"
    batch.path.write_bytes(content)

    last = examine_store()[-1]

    assert ("corrupt.database", "is damaged (") == (last[3][0], last[3][1][:12])
    assert last[3][1].endswith("; restore a backup")


def test_a_truncated_database_is_damaged(batch, examine_store):
    content = batch.path.read_bytes()
    batch.path.write_bytes(content[: len(content) // 2])

    text = "is damaged (database disk image is malformed); restore a backup"
    assert ("contents", "cannot be read", None, ("corrupt.database", text)) == examine_store()[-1]


@pytest.mark.parametrize(("count", "text"), [(1, "1 records"), (2, "2 records")])
def test_records_without_a_batch_are_damage(batch, ask, examine_store, count, text):
    for number in range(count):
        ask(batch.path, f"INSERT INTO processed_records VALUES (9, {number + 1}, 'x')")

    text = f"is damaged ({text} whose batch does not exist); restore a backup"
    assert [SCHEMA, ("integrity", "damaged", None, ("corrupt.database", text)), DONE] == examine_store()


def test_a_missing_table_is_an_error(batch, ask, examine_store):
    ask(batch.path, "DROP TABLE processing_batches")

    code, text = examine_store()[-1][3]
    assert "database.failed" == code
    assert "processing_batches" in text


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_only_a_writer_that_writes_the_file_is_waited_for(batch, examine_store, monkeypatch, lock):
    """With a rollback journal others can read until then."""
    monkeypatch.setattr(diagnostics, "_TIMEOUT", 0)
    with closing(sqlite3.connect(batch.path, isolation_level=None)) as writer:
        writer.execute(f"BEGIN {lock}")
        findings = examine_store()

    text = "another process is writing to it; try again when it has finished"
    busy = ("contents", "cannot be read", None, ("database.busy", text))
    assert ([SCHEMA, SOUND, DONE] if lock == "IMMEDIATE" else [busy]) == findings


@pytest.mark.parametrize(
    ("journal", "beside", "expected"),
    [
        ("DELETE", {"-journal"}, [UNFINISHED]),
        ("WAL", {"-shm", "-wal"}, [SCHEMA, SOUND, DONE]),
    ],
)
def test_the_change_of_a_killed_process_is_not_undone(batch, examine_store, journal, beside, expected):
    """A rollback journal must be rolled back before anybody can read; a WAL can be ignored."""
    subprocess.run([sys.executable, "-c", KILLED, batch.path, journal], check=False)
    assert {f"{batch.path.name}{suffix}" for suffix in beside} == {
        path.name for path in batch.path.parent.iterdir()
    } - {batch.path.name}

    assert expected == examine_store()
    batch.check()
    assert [SCHEMA, SOUND, DONE] == examine_store()


def test_a_wal_without_its_shared_memory_is_not_opened(batch, examine_store):
    """As in a copy made by hand: SQLite would create the missing file."""
    subprocess.run([sys.executable, "-c", KILLED, batch.path, "WAL"], check=False)
    batch.path.with_name(f"{batch.path.name}-shm").unlink()

    assert [UNFINISHED] == examine_store()


def test_no_file_is_created_beside_a_database_in_wal_mode(batch, ask, examine_store):
    """Though SQLite creates two even in order to read."""
    ask(batch.path, "PRAGMA journal_mode = WAL")
    assert [batch.path] == list(batch.path.parent.iterdir())

    assert [SCHEMA, SOUND, DONE] == examine_store()
    assert [("wal",)] == ask(batch.path, "PRAGMA journal_mode")


def test_a_wal_in_use_is_read(batch, ask, examine_store):
    with closing(sqlite3.connect(batch.path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE processing_batches SET status = 'loaded', finalized_at = NULL")
        writer.execute("BEGIN IMMEDIATE")

        assert "0 finalized, 1 unfinished: 1" == examine_store()[-1][1]


def test_findings_made_during_a_write_are_discarded(batch, ask, examine_store, monkeypatch):
    """A file in WAL mode that nobody uses is read without locks."""
    ask(batch.path, "PRAGMA journal_mode = WAL")
    collect = diagnostics._collect_contents

    def read_and_write(*arguments, **options):
        findings = collect(*arguments, **options)
        with closing(sqlite3.connect(batch.path)) as writer, writer:
            writer.execute("UPDATE processing_batches SET source_name = 'b'")
        return findings

    monkeypatch.setattr(diagnostics, "_collect_contents", read_and_write)

    assert ["database.busy"] == [each.error.code for each in examine_contents(batch.path)]


def test_a_file_that_cannot_be_read_is_an_error(home, unprivileged):
    path = home / "p.db"
    path.touch()
    path.chmod(0o200)
    with unprivileged():
        [finding] = examine_contents(path)

    assert ("database.io", f"{path}: cannot be read: Permission denied") == (
        finding.error.code,
        str(finding.error),
    )
