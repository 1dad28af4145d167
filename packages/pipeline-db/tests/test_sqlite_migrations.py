"""The schema in SQLite: its version, its owner, its migration."""

import hashlib
import sqlite3
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from pipeline_db import DatabaseError, PeeweeStore, ProcessedRecord, ProcessingBatch
from pipeline_db.sqlite.migrations import APPLICATION_ID, STEPS, Schema, migrate, read_schema
from pipeline_jobs import Finalized, Loaded, OnDuplicate, Record, RecordsDigest, Source

PATH = Path("p.db")  # for messages only
A = Source("file:///a", "a")
RECORDS = [Record(1, "one"), Record(3, "three")]


def digest_of(records):
    digest = RecordsDigest()
    digest.update(records)
    return digest.sha256


@pytest.fixture
def database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "p.db", isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def first_release(tmp_path):
    """A database with the schema of the first release and two batches."""
    return create_old_database(tmp_path / "pipeline.db", 1)


def create_old_database(path, version):
    """Return a store in a database of an earlier version of the schema, with two batches."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in chain(*STEPS[:version]):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.executemany(
            "INSERT INTO processing_batches VALUES (?, 'file:///a', 'a', ?, 2, ?, ?, ?, NULL)",
            [
                (1, digest_of(RECORDS), "finalized", "2026-01-01 10:00:00", "2026-01-01 10:00:01.5"),
                (2, "f" * 64, "loaded", "2026-01-01 10:00:02", None),
            ],
        )
        connection.executemany(
            "INSERT INTO processed_records VALUES (?, ?, ?)",
            [(batch, record.line_number, record.content) for batch in (1, 2) for record in RECORDS],
        )
    return PeeweeStore(path)


def test_a_new_database_is_marked(store, ask):
    store.load(A, [], OnDuplicate.SKIP)

    assert [(0x70706C31,)] == ask(store.path, "PRAGMA application_id")
    assert [(len(STEPS),)] == ask(store.path, "PRAGMA user_version")


def test_the_schema_is_the_released_one(database):
    """Existing databases must stay valid: a released step never changes. A new step adds a new hash here."""
    migrate(database, PATH)
    rows = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid").fetchall()

    assert SCHEMA_SHA256 == hashlib.sha256(repr(rows).encode()).hexdigest()


def test_reading_migrates_a_database_of_an_earlier_release(first_release, ask):
    assert ["finalized", "loaded"] == [batch.status for batch in first_release.batches()]
    assert RECORDS == list(first_release.records(1))
    assert [(len(STEPS),)] == ask(first_release.path, "PRAGMA user_version")


def test_an_empty_database_has_version_0(database):
    assert Schema(0) == read_schema(database, PATH)

    migrate(database, PATH)

    assert Schema(len(STEPS)) == read_schema(database, PATH)


def test_a_database_of_this_release_is_not_changed(database, files, tmp_path):
    migrate(database, PATH)
    before = files(tmp_path)

    migrate(database, PATH)

    assert before == files(tmp_path)


SCHEMA_SHA256 = (
    "43f170c8045fd4c0dc1af7bb5153f1f18ac3b092a367cf4886322b079e45910c"  # of `sqlite_master`, by release 0.1
)
FOREIGN = "p.db: belongs to another program; name another file with --db-path, or run: pipeline adopt"


@pytest.mark.parametrize(
    ("statements", "code", "text"),
    [
        (["CREATE TABLE t (x)"], "database.foreign", FOREIGN),
        (["CREATE VIEW v AS SELECT 1"], "database.foreign", FOREIGN),
        (["PRAGMA user_version = 1"], "database.foreign", FOREIGN),
        (["CREATE TABLE processing_batches (id)", "PRAGMA user_version = 2"], "database.foreign", FOREIGN),
        (["PRAGMA application_id = 1", "CREATE TABLE t (x)"], "database.foreign", FOREIGN),
        (
            [f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 99"],
            "database.newer",
            f"p.db: has schema version 99, this program supports {len(STEPS)}; upgrade pipeline-db",
        ),
    ],
)
def test_an_unknown_schema_is_rejected(database, statements, code, text):
    for statement in statements:
        database.execute(statement)

    for act in (read_schema, migrate):
        with pytest.raises(DatabaseError) as caught:
            act(database, PATH)

        assert (code, text) == (caught.value.code, str(caught.value))


def test_an_older_database_is_migrated_by_the_first_write(first_release, ask):
    """Its contents stay, and count: a batch finalized before is a duplicate now."""
    first_release.check()
    assert [(1,)] == ask(first_release.path, "PRAGMA user_version")

    assert Finalized(2, 2) == first_release.finalize(2)
    assert Loaded(1, 2, duplicate=True) == first_release.load(A, [RECORDS], OnDuplicate.SKIP)

    assert [(len(STEPS),)] == ask(first_release.path, "PRAGMA user_version")
    expected = [
        (batch, "file:///a", record.line_number, record.content) for batch in (1, 2) for record in RECORDS
    ]
    assert expected == ask(first_release.path, "SELECT * FROM finalized_records")


def test_a_database_of_version_2_gets_columns_for_rows(tmp_path, ask):
    """In place: its batches, their ids, the view and the sequence of ids stay; lines have no sums."""
    old = create_old_database(tmp_path / "old.db", 2)
    ask(old.path, "DELETE FROM processed_records WHERE batch_id = 2")
    ask(old.path, "DELETE FROM processing_batches WHERE id = 2")
    view = ask(old.path, "SELECT * FROM finalized_records")

    assert 3 == old.load(Source("file:///b", "b"), [RECORDS], OnDuplicate.SKIP).batch_id

    assert view == ask(old.path, "SELECT * FROM finalized_records")
    new = "target, schema_name, schema_fingerprint, read_count, rejected_count, blank_count, dropped_count"
    expected = [("processed_records", *[None] * 6)] * 2
    assert expected == ask(old.path, f"SELECT {new} FROM processing_batches")
    assert ["processed_records"] * 2 == [batch.target for batch in old.batches()]
    assert [] == ask(old.path, "PRAGMA foreign_key_check")
    assert [("ok",)] == ask(old.path, "PRAGMA integrity_check")


def test_models_read_batches_of_an_older_release(first_release):
    first_release.batches()  # migrates it
    database = SqliteDatabase(str(first_release.path))
    with database.connection_context():
        first, second = ProcessingBatch.select().order_by(ProcessingBatch.id).execute(database)
        contents = [record.content for record in ProcessedRecord.select().execute(database)]

    assert ["2026-01-01T10:00:00+00:00", "2026-01-01T10:00:01.500000+00:00"] == [
        first.created_at.isoformat(),
        first.finalized_at.isoformat(),
    ]
    assert ("loaded", None) == (second.status, second.finalized_at)
    assert ["one", "three"] * 2 == contents


def test_a_failed_migration_changes_nothing(first_release, ask):
    """It is part of the transaction that needs it. Here the name of its view is taken."""
    ask(first_release.path, "CREATE TABLE finalized_records (x)")
    queries = [
        "PRAGMA user_version",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM processing_batches",
        "SELECT * FROM processed_records",
    ]
    before = [ask(first_release.path, query) for query in queries]

    for act in (
        lambda: first_release.load(A, [RECORDS], OnDuplicate.LOAD),
        lambda: first_release.finalize(2),
    ):
        with pytest.raises(DatabaseError) as caught:
            act()

        text = f"{first_release.path}: table finalized_records already exists"
        assert ("database.failed", text) == (caught.value.code, str(caught.value))
        assert before == [ask(first_release.path, query) for query in queries]


def test_a_failed_step_undoes_the_earlier_ones(store, ask):
    """If the last name is taken in a new database, not even the first step remains."""
    ask(store.path, f"PRAGMA application_id = {APPLICATION_ID}")
    ask(store.path, "CREATE TABLE finalized_records (x)")

    with pytest.raises(DatabaseError, match="table finalized_records already exists"):
        store.load(A, [RECORDS], OnDuplicate.SKIP)

    assert [("finalized_records",)] == ask(store.path, "SELECT name FROM sqlite_master")
    assert [(0,)] == ask(store.path, "PRAGMA user_version")


def test_the_view_shows_only_finalized_batches(store, ask):
    """So its readers never see an incomplete batch."""
    for content in ("x", "y"):
        store.load(A, [[Record(1, content)]], OnDuplicate.SKIP)
    query = "SELECT batch_id, source, line_number, content FROM finalized_records"

    before = ask(store.path, query)
    store.finalize(2)

    assert ([], [(2, "file:///a", 1, "y")]) == (before, ask(store.path, query))
