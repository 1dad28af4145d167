"""What is found on a server, and that nothing of it changes."""

import sys

import pytest

from pipeline_db import CorruptError, DatabaseUrl, examine_database
from pipeline_db.postgres.schema import VERSION_TABLE
from pipeline_jobs import OnDuplicate, Record, Source

A = Source("file:///a", "a")
ONE = [[Record(1, "x"), Record(3, "y")]]


@pytest.fixture
def store(postgres_store):
    return postgres_store


@pytest.fixture
def found(store, kept):
    """Examine the database of the store, see that nothing changed, and return findings by name."""

    def examined():
        before = kept(store)
        findings = {each.what: each for each in examine_database(store.place)}
        assert before == kept(store)
        return findings

    return examined


def test_an_empty_schema(store, found):
    findings = found()

    name = str(store.place).rpartition("%3D")[2]
    assert ["psycopg", "database", "PostgreSQL", "durability", "schema", "rights"] == list(findings)
    assert f"{store.place}, reached" == findings["database"].found
    assert f"{name}: none yet, the first load makes it" == findings["schema"].found
    assert "enough to load and to finalize" == findings["rights"].found
    assert not any(each.error or each.hint for each in findings.values())


def test_a_schema_with_batches(store, found):
    store.finalize(store.load(A, ONE, OnDuplicate.SKIP).batch_id)
    unfinished = store.load(A, [ONE[0][:1]], OnDuplicate.SKIP).batch_id

    findings = found()

    assert findings["schema"].found.endswith(": version 2, that of this release")
    assert "a batch for every record" == findings["integrity"].found
    assert (
        f"1 finalized, 1 unfinished: {unfinished}",
        f"the command that loaded one goes on, or: pipeline run {unfinished} --start-from C",
    ) == (findings["batches"].found, findings["batches"].hint)


def test_records_without_a_batch_are_damage(store, found, ask):
    for content in "pqrst":
        store.load(A, [[Record(1, content), Record(2, content)]], OnDuplicate.SKIP)
    ask(store, "DELETE FROM processing_batches WHERE id IN (1, 3, 4, 5)")

    error = found()["integrity"].error

    assert isinstance(error, CorruptError)
    text = "is damaged (records of batches that are not there: 1, 3, 4, …); restore a backup"
    assert f"{store.place}: {text}" == str(error)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE TABLE other (x int)", "database.foreign"),
        (f"CREATE TABLE {VERSION_TABLE} AS SELECT 99 AS version", "database.newer"),
    ],
)
def test_what_is_not_of_this_release(found, store, ask, statement, code):
    ask(store, statement)

    findings = found()

    assert ("schema", code) == (list(findings)[-1], findings["schema"].error.code)


def test_a_server_that_is_not_reached():
    first, second = examine_database("postgresql://me:s3cret@/d?host=/nowhere")

    assert ("psycopg", None) == (first.what, first.error)
    assert ("database", "postgresql://me@/d?host=/nowhere", "database.unavailable") == (
        second.what,
        second.found,
        second.error.code,
    )


def test_rights_that_are_missing(store, found, monkeypatch):
    changed = DatabaseUrl(
        str(store.place).replace("options=", "options=-cdefault_transaction_read_only%3Don%20")
    )

    findings = {each.what: each for each in examine_database(changed)}

    assert "database.read_only" == findings["rights"].error.code


def test_psycopg_that_is_not_installed(monkeypatch):
    """Is said with what to do, and without the password."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    (finding,) = examine_database("postgresql://me:s3cret@h/d")

    assert "database.no_driver" == finding.error.code
    assert str(finding.error).startswith(
        "postgresql://me@h/d: PostgreSQL takes psycopg; pip install './packages/pipeline-db[postgres]' ("
    )
