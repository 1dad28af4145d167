"""Diagnostics of a PostgreSQL database, which change nothing."""

import pytest

from pipeline_db import CorruptError, DatabaseUrl, examine_database
from pipeline_db.postgres.migrations import VERSION_TABLE
from pipeline_jobs import OnDuplicate, Record, Source

A = Source("file:///a", "a")
ONE = [[Record(1, "x"), Record(3, "y")]]


@pytest.fixture
def store(postgres_store):
    return postgres_store


@pytest.fixture
def examine_store(store, read_everything):
    """Examine the store's database, check that nothing changed, and return the findings by name."""

    def examine():
        before = read_everything(store)
        findings = {each.what: each for each in examine_database(store.place)}
        assert before == read_everything(store)
        return findings

    return examine


def test_an_empty_schema(store, examine_store):
    findings = examine_store()

    name = str(store.place).rpartition("%3D")[2]
    assert ["psycopg", "database", "PostgreSQL", "durability", "schema", "privileges"] == list(findings)
    assert f"{store.place.shown}, reached" == findings["database"].found
    assert f"{name}: none yet, created by the first load" == findings["schema"].found
    assert "sufficient to load and finalize" == findings["privileges"].found
    assert not any(each.error or each.hint for each in findings.values())


def test_a_schema_with_batches(store, examine_store):
    store.finalize(store.load(A, ONE, OnDuplicate.SKIP).batch_id)
    unfinished = store.load(A, [ONE[0][:1]], OnDuplicate.SKIP).batch_id

    findings = examine_store()

    assert findings["schema"].found.endswith(": version 3, current")
    assert "every record has its batch" == findings["integrity"].found
    assert (
        f"1 finalized, 1 unfinished: {unfinished}",
        "repeat the command that loaded it",
    ) == (findings["batches"].found, findings["batches"].hint)


def test_records_without_a_batch_are_damage(store, examine_store, ask):
    for content in "pqrst":
        store.load(A, [[Record(1, content), Record(2, content)]], OnDuplicate.SKIP)
    ask(store, "DELETE FROM processing_batches WHERE id IN (1, 3, 4, 5)")

    error = examine_store()["integrity"].error

    assert isinstance(error, CorruptError)
    text = "is damaged (records of batches that do not exist: 1, 3, 4, …); restore a backup"
    assert f"{store.place.shown}: {text}" == str(error)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE TABLE other (x int)", "database.foreign"),
        (f"CREATE TABLE {VERSION_TABLE} AS SELECT 99 AS version", "database.newer"),
    ],
)
def test_an_unknown_schema_is_an_error(examine_store, store, ask, statement, code):
    ask(store, statement)

    findings = examine_store()

    assert ("schema", code) == (list(findings)[-1], findings["schema"].error.code)


def test_an_unreachable_server_is_an_error():
    first, second = examine_database("postgresql://me:s3cret@/d?host=/nowhere")

    assert ("psycopg", None) == (first.what, first.error)
    assert ("database", "postgresql://me@/d?…", "database.unavailable") == (
        second.what,
        second.found,
        second.error.code,
    )


def test_missing_privileges_are_an_error(store):
    read_only = DatabaseUrl(
        str(store.place).replace("options=", "options=-cdefault_transaction_read_only%3Don%20")
    )

    findings = {each.what: each for each in examine_database(read_only)}

    assert "database.read_only" == findings["privileges"].error.code
