"""What is found in a database, in whatever state it is, and that not a byte of it changes."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from pipeline_db import contents
from pipeline_db.contents import examine_contents
from pipeline_db.schema import STEPS
from pipeline_jobs import OnDuplicate, Record, Source

SCHEMA = ("schema", "version 2, that of this release", None, None)
SOUND = ("integrity", "SQLite finds no damage, and a batch for every record", None, None)
DONE = ("batches", "1 finalized, none unfinished", None, None)
HALF_DONE = (
    "contents",
    "in the middle of a change, left by a process that was killed",
    "the next run undoes or completes it, nothing is lost; only then its contents can be examined",
    None,
)
KILLED = """
import os, signal, sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
connection.execute("PRAGMA cache_size = 1")  # so that it is written to the file before it is committed
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
def found(store, files):
    """Examine the database of the store, see that nothing changed, and return findings as plain values."""

    def examined():
        before = files(store.path.parent)
        findings = examine_contents(store.path)
        changed = {name for name, content in files(store.path.parent).items() if before.get(name) != content}
        assert changed <= {f"{store.path.name}-shm"} & set(before)  # which is shared memory, not data
        return [
            (
                each.what,
                each.found,
                each.hint,
                each.error and (each.error.code, str(each.error).removeprefix(f"{store.path}: ")),
            )
            for each in findings
        ]

    return examined


def test_a_sound_database(batch, found):
    assert [SCHEMA, SOUND, DONE] == found()


@pytest.mark.parametrize(("count", "listed"), [(1, "2"), (3, "4, 3, 2"), (4, "5, 4, 3, …")])
def test_unfinished_batches_are_named_the_newest_first(batch, found, count, listed):
    for number in range(count):
        batch.load(Source(f"file:///{number}", "b"), [], OnDuplicate.SKIP)

    hint = f"the command that loaded one goes on, or: pipeline run {count + 1} --start-from C"
    expected = ("batches", f"1 finalized, {count} unfinished: {listed}", hint, None)
    assert [SCHEMA, SOUND, expected] == found()


def test_an_empty_file_has_no_schema_yet(store, found):
    store.path.touch()

    assert [("schema", "none yet, the first load makes it", None, None), SOUND] == found()


def test_an_older_schema_is_not_migrated(batch, ask, found):
    ask(batch.path, "DROP VIEW finalized_records")
    ask(batch.path, "PRAGMA user_version = 1")

    older = ("schema", "version 1, the next load makes it 2", None, None)
    assert [older, SOUND, DONE] == found()


def test_a_newer_schema_is_an_error_and_the_rest_is_examined(batch, ask, found):
    ask(batch.path, f"PRAGMA user_version = {len(STEPS) + 1}")

    text = "has schema version 3, this program knows 2; upgrade pipeline-db"
    assert [("schema", "not of this release", None, ("database.newer", text)), SOUND] == found()


def test_a_foreign_database_is_nobodys_business(store, ask, found):
    ask(store.path, "CREATE TABLE other (x)")

    text = "a database of another program; name another file with --db-path"
    assert [("schema", "not of this release", None, ("database.foreign", text))] == found()


def test_a_file_that_is_no_database(store, found):
    store.path.write_text("no database\n" * 100)

    text = "it is no SQLite database; name another with --db-path (file is not a database)"
    assert [("contents", "cannot be read", None, ("database.not_a_database", text))] == found()


def test_a_damaged_page_is_found(batch, found):
    """The last one, which holds the records or an index: only a look at all of them meets it."""
    content = bytearray(batch.path.read_bytes())
    content[-4096:-4000] = 96 * b"\xff"
    batch.path.write_bytes(content)

    last = found()[-1]

    assert ("corrupt.database", "is damaged (") == (last[3][0], last[3][1][:12])
    assert last[3][1].endswith("; restore a backup")


def test_half_of_a_database_is_damaged(batch, found):
    content = batch.path.read_bytes()
    batch.path.write_bytes(content[: len(content) // 2])

    text = "is damaged (database disk image is malformed); restore a backup"
    assert ("contents", "cannot be read", None, ("corrupt.database", text)) == found()[-1]


@pytest.mark.parametrize(("count", "text"), [(1, "1 records"), (2, "2 records")])
def test_records_without_a_batch_are_damage(batch, ask, found, count, text):
    for number in range(count):
        ask(batch.path, f"INSERT INTO processed_records VALUES (9, {number + 1}, 'x')")

    text = f"is damaged ({text} of batches that are not there); restore a backup"
    assert [SCHEMA, ("integrity", "not sound", None, ("corrupt.database", text)), DONE] == found()


def test_a_missing_table_is_an_error(batch, ask, found):
    ask(batch.path, "DROP TABLE processing_batches")

    code, text = found()[-1][3]
    assert "database.failed" == code
    assert "processing_batches" in text


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_writer_is_waited_for_only_while_it_writes_the_file(batch, found, monkeypatch, lock):
    """Until then, with a rollback journal, others can read."""
    monkeypatch.setattr(contents, "_PATIENCE", 0.1)
    with closing(sqlite3.connect(batch.path, isolation_level=None)) as writer:
        writer.execute(f"BEGIN {lock}")
        findings = found()

    text = "another process is writing to it; ask again when that is done"
    busy = ("contents", "cannot be read", None, ("database.busy", text))
    assert ([SCHEMA, SOUND, DONE] if lock == "IMMEDIATE" else [busy]) == findings


@pytest.mark.parametrize(
    ("journal", "beside", "expected"),
    [
        ("DELETE", {"-journal"}, [HALF_DONE]),
        ("WAL", {"-shm", "-wal"}, [SCHEMA, SOUND, DONE]),
    ],
)
def test_what_a_killed_process_left_is_not_undone(batch, found, journal, beside, expected):
    """A rollback journal is to be rolled back before anybody can read; what is in a WAL need not be read."""
    subprocess.run([sys.executable, "-c", KILLED, batch.path, journal], check=False)
    assert {f"{batch.path.name}{suffix}" for suffix in beside} == {
        path.name for path in batch.path.parent.iterdir()
    } - {batch.path.name}

    assert expected == found()
    batch.check()
    assert [SCHEMA, SOUND, DONE] == found()


def test_a_wal_without_its_shared_memory_is_not_opened(batch, found):
    """As in a copy that somebody made: SQLite would make the file that is missing."""
    subprocess.run([sys.executable, "-c", KILLED, batch.path, "WAL"], check=False)
    batch.path.with_name(f"{batch.path.name}-shm").unlink()

    assert [HALF_DONE] == found()


def test_no_file_is_made_beside_a_database_in_wal_mode(batch, ask, found):
    """Though SQLite does so even to read one."""
    ask(batch.path, "PRAGMA journal_mode = WAL")
    assert [batch.path] == list(batch.path.parent.iterdir())

    assert [SCHEMA, SOUND, DONE] == found()
    assert [("wal",)] == ask(batch.path, "PRAGMA journal_mode")


def test_a_wal_in_use_is_read(batch, ask, found):
    with closing(sqlite3.connect(batch.path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE processing_batches SET status = 'loaded', finalized_at = NULL")
        writer.execute("BEGIN IMMEDIATE")

        assert "0 finalized, 1 unfinished: 1" == found()[-1][1]


def test_what_was_read_while_somebody_wrote_does_not_count(batch, ask, found, monkeypatch):
    """A file in WAL mode that nobody has open is read without locks."""
    ask(batch.path, "PRAGMA journal_mode = WAL")
    read = contents._collected

    def meanwhile(*arguments, **options):
        findings = read(*arguments, **options)
        with closing(sqlite3.connect(batch.path)) as writer, writer:
            writer.execute("UPDATE processing_batches SET source_name = 'b'")
        return findings

    monkeypatch.setattr(contents, "_collected", meanwhile)

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
