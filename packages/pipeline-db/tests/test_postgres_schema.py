"""Whose schema it is on a server, and how it is made and migrated."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_db.postgres import schema
from pipeline_db.postgres.schema import STEPS, VERSION_TABLE
from pipeline_db.schema import STEPS as STEPS_OF_SQLITE
from pipeline_jobs import BatchError, Finalized, Loaded, OnDuplicate, Record, Source

A = Source("file:///a", "a")
ONE = [[Record(1, "x"), Record(3, "y")]]
SKIP = OnDuplicate.SKIP
NAMES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v')
"""


@pytest.fixture
def store(postgres_store):
    return postgres_store


def refused(store):
    """Return what a store is refused with, whatever is asked of it, and see that nothing was made."""
    errors = []
    for act in (store.check, lambda: store.load(A, ONE, SKIP), lambda: store.finalize(1)):
        with pytest.raises(DatabaseError) as caught:
            act()
        errors.append((caught.value.code, str(caught.value).removeprefix(f"{store.place}: ")))
    assert errors == errors[:1] * 3
    return errors[0]


def test_the_first_load_makes_the_schema(store, ask):
    store.check()
    assert [] == ask(store, NAMES)
    store.load(A, ONE, SKIP)

    expected = ["finalized_records", "pipeline_schema", "processed_records", "processing_batches"]
    assert expected == sorted(name for (name,) in ask(store, NAMES))
    assert [(len(STEPS),)] == ask(store, f"SELECT version FROM {VERSION_TABLE}")
    store.check()


def test_the_versions_are_those_of_sqlite():
    """So that one number means one thing to a person, whatever the database."""
    assert len(STEPS_OF_SQLITE) == len(STEPS)


def test_to_finalize_where_there_is_nothing_makes_nothing(store, ask):
    with pytest.raises(BatchError, match=r"^no batch with id 1 in "):
        store.finalize(1)

    assert [] == ask(store, NAMES)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (x int)",
        "CREATE VIEW other AS SELECT 1",
        "CREATE SEQUENCE other",
        "CREATE TABLE processing_batches (id int)",
        f"CREATE TABLE {VERSION_TABLE} (x int)",
    ],
)
def test_what_is_not_ours_is_refused(store, ask, statement):
    ask(store, statement)
    before = ask(store, NAMES)

    code, text = refused(store)

    name = str(store.place).rpartition("%3D")[2]
    assert ("database.foreign", f"schema {name} holds tables of another program; name another database") == (
        code,
        text.partition(", or ")[0],
    )
    assert before == ask(store, NAMES)


def test_what_an_extension_brings_is_nobodys(store, ask):
    """As that of PostGIS, which has its tables in `public`; here one that comes with the server."""
    name = str(store.place).rpartition("%3D")[2]
    if not ask(store, "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'"):
        pytest.skip("the server comes without extensions")
    ask(store, f"CREATE EXTENSION pg_stat_statements SCHEMA {name}")
    assert ask(store, NAMES)

    assert 2 == store.load(A, ONE, SKIP).record_count


def test_what_others_add_later_is_their_own_business(store, ask):
    store.load(A, ONE, SKIP)
    ask(store, "CREATE TABLE theirs (x int)")

    store.check()
    assert Finalized(1, 2) == store.finalize(1)


def test_a_newer_schema_is_refused(store, ask):
    store.load(A, ONE, SKIP)
    ask(store, f"UPDATE {VERSION_TABLE} SET version = 99")

    text = f"has schema version 99, this program knows {len(STEPS)}; upgrade pipeline-db"
    assert ("database.newer", text) == refused(store)


def test_a_search_path_that_leads_nowhere_is_an_error(store):
    nowhere = PeeweeStore(f"{store.place}_that_is_not_there")

    text = "no schema of the search_path is there; CREATE SCHEMA makes one"
    assert ("database.no_schema", text) == refused(nowhere)


@pytest.fixture
def older(store, monkeypatch, ask):
    """A store as a release has left it that knew the first step only."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", STEPS[:1])
        patch.setattr("pipeline_db.postgres.server.STEPS", STEPS[:1])
        store.finalize(store.load(A, ONE, SKIP).batch_id)
    assert [(1,)] == ask(store, f"SELECT version FROM {VERSION_TABLE}")
    return store


def test_an_older_schema_is_migrated_when_it_is_written_to(older, ask):
    older.check()
    assert [(1,)] == ask(older, f"SELECT version FROM {VERSION_TABLE}")

    assert Loaded(1, 2, duplicate=True) == older.load(A, ONE, SKIP)
    assert [(len(STEPS),)] == ask(older, f"SELECT version FROM {VERSION_TABLE}")
    assert [("x",), ("y",)] == ask(older, "SELECT content FROM finalized_records ORDER BY line_number")


def test_a_migration_that_fails_changes_nothing(older, ask):
    ask(older, "CREATE TABLE finalized_records (x int)")
    before = ask(older, NAMES)

    with pytest.raises(DatabaseError, match=r'relation "finalized_records" already exists') as caught:
        older.load(A, ONE, SKIP)

    assert "database.failed" == caught.value.code
    assert before == ask(older, NAMES)
    assert [(1,)] == ask(older, f"SELECT version FROM {VERSION_TABLE}")


def test_many_make_the_schema_at_once(store, ask):
    with ThreadPoolExecutor(8) as pool:
        loading = [
            pool.submit(store.load, Source(f"file:///{n}", f"{n}"), ONE, OnDuplicate.ERROR) for n in range(8)
        ]

    assert {2} == {each.result().record_count for each in loading}
    assert [(len(STEPS),)] == ask(store, f"SELECT version FROM {VERSION_TABLE}")


def test_a_source_may_be_long(store, ask):
    """As the URI of a path of 4 kB is, each byte of which may take three."""
    long = Source("file:///" + "%C3" * 4000, "x")

    loaded = store.load(long, ONE, SKIP)

    assert Loaded(loaded.batch_id, 2, resumed=True) == store.load(long, ONE, SKIP)
