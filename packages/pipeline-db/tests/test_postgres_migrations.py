"""The schema in PostgreSQL: its version, its owner, its migration."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_db.postgres.migrations import STEPS, VERSION_TABLE
from pipeline_db.sqlite.migrations import STEPS as SQLITE_STEPS
from pipeline_jobs import BatchError, Finalized, Loaded, OnDuplicate, Record, RecordsDigest, Source

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


def get_error(store):
    """Return the error of a store, and check that every call raises the same."""
    errors = []
    for act in (store.check, lambda: store.load(A, ONE, SKIP), lambda: store.finalize(1)):
        with pytest.raises(DatabaseError) as caught:
            act()
        errors.append((caught.value.code, str(caught.value).removeprefix(f"{store.place.shown}: ")))
    assert errors == errors[:1] * 3
    return errors[0]


def test_the_first_load_creates_the_schema(store, ask):
    store.check()
    assert [] == ask(store, NAMES)
    store.load(A, ONE, SKIP)

    expected = ["finalized_records", "pipeline_schema", "processed_records", "processing_batches"]
    assert [*expected, "rejected_records"] == sorted(name for (name,) in ask(store, NAMES))
    assert [(len(STEPS),)] == ask(store, f"SELECT version FROM {VERSION_TABLE}")
    store.check()


CATALOG = """
    SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
        col_description(pg_class.oid, attnum)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v') AND attnum > 0
    ORDER BY relname, attnum
"""
COLUMNS = [
    ("finalized_records", "batch_id", "bigint", False, "", None),
    ("finalized_records", "source", "text", False, "", None),
    ("finalized_records", "line_number", "bigint", False, "", None),
    ("finalized_records", "content", "text", False, "", None),
    ("pipeline_schema", "version", "integer", True, "", None),
    ("processed_records", "batch_id", "bigint", True, "", None),
    ("processed_records", "line_number", "bigint", True, "", None),
    ("processed_records", "content", "text", True, "", None),
    ("processing_batches", "id", "bigint", True, "d", None),
    ("processing_batches", "source", "text", True, "", None),
    ("processing_batches", "source_name", "text", True, "", None),
    ("processing_batches", "records_sha256", "text", True, "", None),
    ("processing_batches", "record_count", "bigint", True, "", None),
    ("processing_batches", "status", "text", True, "", None),
    ("processing_batches", "created_at", "timestamp without time zone", True, "", "UTC"),
    ("processing_batches", "finalized_at", "timestamp without time zone", False, "", "UTC"),
    ("processing_batches", "run_id", "text", False, "", None),
    ("processing_batches", "target", "text", True, "", None),
    ("processing_batches", "schema_name", "text", False, "", None),
    ("processing_batches", "schema_fingerprint", "text", False, "", None),
    ("processing_batches", "read_count", "bigint", False, "", None),
    ("processing_batches", "rejected_count", "bigint", False, "", None),
    ("processing_batches", "blank_count", "bigint", False, "", None),
    ("processing_batches", "dropped_count", "bigint", False, "", None),
    ("rejected_records", "batch_id", "bigint", True, "", None),
    ("rejected_records", "line_number", "bigint", True, "", None),
    ("rejected_records", "job", "text", True, "", None),
    ("rejected_records", "kind", "text", True, "", None),
    ("rejected_records", "column_name", "text", False, "", None),
    ("rejected_records", "reason", "text", True, "", None),
    ("rejected_records", "raw", "text", True, "", None),
    ("rejected_records", "resolved_by", "bigint", False, "", None),
]
CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = current_schema()::regnamespace AND contype <> 'n' ORDER BY conname
"""
INDEXES = """
    SELECT indexname, substring(indexdef FROM 'USING .*')
    FROM pg_indexes WHERE schemaname = current_schema() ORDER BY indexname
"""


def test_the_schema_is_the_released_one(store, ask):
    """Existing databases must stay valid: a released step never changes."""
    store.load(A, ONE, SKIP)

    assert COLUMNS == ask(store, CATALOG)
    contradiction = "CHECK (((status = 'finalized'::text) = (finalized_at IS NOT NULL)))"
    statuses = "CHECK ((status = ANY (ARRAY['loaded'::text, 'finalized'::text])))"
    total = "(((record_count + rejected_count) + blank_count) + dropped_count)"
    counts = "COALESCE(read_count, rejected_count, blank_count, dropped_count)"
    sums = f"CHECK ((({counts} IS NULL) OR COALESCE((read_count = {total}), false)))"
    assert [
        ("processed_records_line_number_check", "CHECK ((line_number > 0))"),
        ("processed_records_pkey", "PRIMARY KEY (batch_id, line_number)"),
        ("processing_batches_blank_count_check", "CHECK ((blank_count >= 0))"),
        ("processing_batches_check", contradiction),
        ("processing_batches_dropped_count_check", "CHECK ((dropped_count >= 0))"),
        ("processing_batches_pkey", "PRIMARY KEY (id)"),
        ("processing_batches_read_count_check", "CHECK ((read_count >= 0))"),
        ("processing_batches_record_count_check", "CHECK ((record_count >= 0))"),
        ("processing_batches_rejected_count_check", "CHECK ((rejected_count >= 0))"),
        ("processing_batches_status_check", statuses),
        ("processing_batches_sums_check", sums),
        ("rejected_records_line_number_check", "CHECK ((line_number > 0))"),
        ("rejected_records_pkey", "PRIMARY KEY (batch_id, line_number)"),
    ] == ask(store, CONSTRAINTS)
    assert [
        ("processed_records_pkey", "USING btree (batch_id, line_number)"),
        ("processing_batches_pkey", "USING btree (id)"),
        ("processing_batches_records_sha256", "USING btree (records_sha256)"),
        ("processing_batches_source", "USING hash (source)"),
        ("rejected_records_pkey", "USING btree (batch_id, line_number)"),
    ] == ask(store, INDEXES)


def test_the_versions_match_those_of_sqlite():
    """A version number means the same on every database."""
    assert len(SQLITE_STEPS) == len(STEPS)


def test_finalize_creates_no_schema(store, ask):
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
def test_a_foreign_schema_is_rejected(store, ask, statement):
    ask(store, statement)
    before = ask(store, NAMES)

    code, text = get_error(store)

    name = str(store.place).rpartition("%3D")[2]
    assert ("database.foreign", f"schema {name} holds tables of another program; use another database") == (
        code,
        text.partition(", CREATE")[0],
    )
    assert before == ask(store, NAMES)


def test_tables_of_an_extension_are_not_foreign(store, ask):
    """PostGIS, for example, has its tables in `public`; this extension comes with the server."""
    name = str(store.place).rpartition("%3D")[2]
    if not ask(store, "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'"):
        pytest.skip("the server has no extensions")
    ask(store, f"CREATE EXTENSION pg_stat_statements SCHEMA {name}")
    assert ask(store, NAMES)

    assert 2 == store.load(A, ONE, SKIP).record_count


def test_tables_that_other_programs_add_later_do_not_matter(store, ask):
    store.load(A, ONE, SKIP)
    ask(store, "CREATE TABLE theirs (x int)")

    store.check()
    assert Finalized(1, 2) == store.finalize(1)


def test_a_newer_schema_is_rejected(store, ask):
    store.load(A, ONE, SKIP)
    ask(store, f"UPDATE {VERSION_TABLE} SET version = 99")

    text = f"has schema version 99, this program supports {len(STEPS)}; upgrade pipeline-db"
    assert ("database.newer", text) == get_error(store)


def test_a_search_path_without_an_existing_schema_is_an_error(store):
    nowhere = PeeweeStore(f"{store.place}_that_is_not_there")

    text = "no schema in the search_path exists; create one with CREATE SCHEMA"
    assert ("database.no_schema", text) == get_error(nowhere)


@pytest.fixture(params=range(1, len(STEPS)))
def older(request, store, ask):
    """A store with the schema of an earlier version, and a finalized batch."""
    for statement in chain(*STEPS[: request.param]):
        ask(store, statement)
    digest = RecordsDigest()
    digest.update(ONE[0])
    ask(store, f"CREATE TABLE {VERSION_TABLE} (version integer NOT NULL)")
    ask(store, f"INSERT INTO {VERSION_TABLE} VALUES ({request.param})")
    values = f"'file:///a', 'a', '{digest.sha256}', 2, 'finalized', now(), now(), NULL"
    ask(store, f"INSERT INTO processing_batches VALUES (DEFAULT, {values})")
    ask(store, "INSERT INTO processed_records VALUES (1, 1, 'x'), (1, 3, 'y')")
    return store


def test_an_older_schema_is_migrated_by_the_first_write(older, ask):
    before = ask(older, f"SELECT version FROM {VERSION_TABLE}")
    older.check()
    assert before == ask(older, f"SELECT version FROM {VERSION_TABLE}")

    assert Loaded(1, 2, duplicate=True) == older.load(A, ONE, SKIP)
    assert [(len(STEPS),)] == ask(older, f"SELECT version FROM {VERSION_TABLE}")
    assert [("x",), ("y",)] == ask(older, "SELECT content FROM finalized_records ORDER BY line_number")


def test_a_failed_migration_changes_nothing(older, ask):
    ask(older, "CREATE TABLE rejected_records (x int)")
    before, version = ask(older, NAMES), ask(older, f"SELECT version FROM {VERSION_TABLE}")

    with pytest.raises(DatabaseError, match=r'relation "rejected_records" already exists') as caught:
        older.load(A, ONE, SKIP)

    assert "database.failed" == caught.value.code
    assert before == ask(older, NAMES)
    assert version == ask(older, f"SELECT version FROM {VERSION_TABLE}")


def test_many_loads_at_once_create_the_schema(store, ask):
    with ThreadPoolExecutor(8) as pool:
        loading = [
            pool.submit(store.load, Source(f"file:///{n}", f"{n}"), ONE, OnDuplicate.ERROR) for n in range(8)
        ]

    assert {2} == {each.result().record_count for each in loading}
    assert [(len(STEPS),)] == ask(store, f"SELECT version FROM {VERSION_TABLE}")


def test_a_source_may_be_long(store, ask):
    """Such as the URI of a path of 4 kB, in which each byte may take three characters."""
    long = Source("file:///" + "%C3" * 4000, "x")

    loaded = store.load(long, ONE, SKIP)

    assert Loaded(loaded.batch_id, 2, resumed=True) == store.load(long, ONE, SKIP)
