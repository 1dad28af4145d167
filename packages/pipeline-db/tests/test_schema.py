"""Whose a database file is, and how it comes to the present schema."""

import sqlite3
from contextlib import closing

import pytest
from peewee import SqliteDatabase

from pipeline_db import DatabaseError, PeeweeStore, ProcessedRecord, ProcessingBatch
from pipeline_db.schema import APPLICATION_ID, STEPS, migrate, taken
from pipeline_jobs import Finalized, Loaded, OnDuplicate, Record, RecordsDigest, Source

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
    """A database as the first release left it, with two batches."""
    path = tmp_path / "pipeline.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in STEPS[0]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
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


def test_a_database_without_anything_is_new(database):
    assert 0 == taken(database, "p.db")

    migrate(database, "p.db")

    assert len(STEPS) == taken(database, "p.db")


def test_a_database_of_this_release_is_left_alone(database, files, tmp_path):
    migrate(database, "p.db")
    before = files(tmp_path)

    migrate(database, "p.db")

    assert before == files(tmp_path)


FOREIGN = "p.db: a database of another program; name another file with --db-path"


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
            f"p.db: has schema version 99, this program knows {len(STEPS)}; upgrade pipeline-db",
        ),
    ],
)
def test_what_is_not_ours_is_refused(database, statements, code, text):
    for statement in statements:
        database.execute(statement)

    for act in (taken, migrate):
        with pytest.raises(DatabaseError) as caught:
            act(database, "p.db")

        assert (code, text) == (caught.value.code, str(caught.value))


def test_an_older_database_is_migrated_when_it_is_written_to(first_release, ask):
    """What it holds stays, and counts: the batch finalized then is a duplicate now."""
    first_release.check()
    assert [(1,)] == ask(first_release.path, "PRAGMA user_version")

    assert Finalized(2, 2) == first_release.finalize(2)
    assert Loaded(1, 2, duplicate=True) == first_release.load(A, [RECORDS], OnDuplicate.SKIP)

    assert [(len(STEPS),)] == ask(first_release.path, "PRAGMA user_version")
    expected = [
        (batch, "file:///a", record.line_number, record.content) for batch in (1, 2) for record in RECORDS
    ]
    assert expected == ask(first_release.path, "SELECT * FROM finalized_records")


def test_models_read_what_an_older_release_wrote(first_release):
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


def test_a_migration_that_fails_changes_nothing(first_release, ask):
    """It is one transaction with what it is done for; here a name it needs is taken."""
    ask(first_release.path, "CREATE TABLE finalized_records (x)")
    looks = [
        "PRAGMA user_version",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM processing_batches",
        "SELECT * FROM processed_records",
    ]
    before = [ask(first_release.path, look) for look in looks]

    for act in (
        lambda: first_release.load(A, [RECORDS], OnDuplicate.LOAD),
        lambda: first_release.finalize(2),
    ):
        with pytest.raises(DatabaseError) as caught:
            act()

        text = f"{first_release.path}: table finalized_records already exists"
        assert ("database.failed", text) == (caught.value.code, str(caught.value))
        assert before == [ask(first_release.path, look) for look in looks]


def test_a_step_that_fails_undoes_those_before_it(store, ask):
    """A new database in which the last name is taken has not taken the first step either."""
    ask(store.path, f"PRAGMA application_id = {APPLICATION_ID}")
    ask(store.path, "CREATE TABLE finalized_records (x)")

    with pytest.raises(DatabaseError, match="table finalized_records already exists"):
        store.load(A, [RECORDS], OnDuplicate.SKIP)

    assert [("finalized_records",)] == ask(store.path, "SELECT name FROM sqlite_master")
    assert [(0,)] == ask(store.path, "PRAGMA user_version")


def test_the_view_shows_finalized_batches_only(store, ask):
    """Whoever reads it never sees a batch that is not complete."""
    for content in ("x", "y"):
        store.load(A, [[Record(1, content)]], OnDuplicate.SKIP)
    shown = "SELECT batch_id, source, line_number, content FROM finalized_records"

    before = ask(store.path, shown)
    store.finalize(2)

    assert ([], [(2, "file:///a", 1, "y")]) == (before, ask(store.path, shown))
