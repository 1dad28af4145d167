"""Answers of a server that do not fit the question, or never come."""

import pytest

from pipeline_db import DatabaseError, DatabaseUrl, PeeweeStore, examine_database
from pipeline_db.postgres import connection as connections
from pipeline_db.postgres import diagnostics
from pipeline_db.postgres.connection import open_connection
from pipeline_db.postgres.exceptions import translate_errors
from pipeline_jobs import OnDuplicate, Record, Source

ODD = "the answer does not fit the question; check that this is a PostgreSQL server"


@pytest.fixture
def url(postgres_url):
    return DatabaseUrl(postgres_url)


@pytest.fixture
def connection(url):
    with open_connection(url, 0) as connection:
        yield connection


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT 1, 'x'", (int,)),
        ("SELECT 1", (int, str)),
        ("SELECT", (int,)),
        ("SELECT 'x'", (int,)),
        ("SELECT 1", (str,)),
        ("SELECT NULL::bigint", (int,)),
        ("SELECT 1.5", (int,)),
        ("SELECT 1 WHERE false", (int,)),
        ("SELECT repeat('9', 5000)::numeric", (int,)),
        ("SELECT 1 UNION ALL SELECT NULL ORDER BY 1", (int,)),
    ],
)
def test_rows_of_another_form_are_an_error(connection, url, sql, columns):
    with pytest.raises(DatabaseError) as caught, translate_errors(url, 0):
        connection.fetch_rows(sql, columns=columns, has_row=True)

    assert ("database.failed", f"{url.shown}: {ODD}", False) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )


def test_rows_of_the_form_asked_for_are_returned(connection):
    rows = connection.fetch_rows("SELECT 1, NULL::text UNION ALL SELECT 2, 'x'", columns=(int, str | None))

    assert [(1, None), (2, "x")] == rows
    assert [] == connection.fetch_rows("SELECT 1 WHERE false", columns=(int,))


def test_what_the_driver_stumbles_over_is_an_error_that_does_not_show_it(url):
    with pytest.raises(DatabaseError, match="does not fit") as caught, translate_errors(url, 0):
        int("a record")

    assert caught.value.__cause__ is None
    assert "a record" not in str(caught.value)


def test_an_answer_that_does_not_come_in_time_is_an_error(connection, url):
    """The connection is closed, and nothing is tried again: the time has been waited already."""
    connection.answer_timeout = 0.01
    with pytest.raises(DatabaseError) as caught, translate_errors(url, 0):
        connection.execute("SELECT pg_sleep(60)")

    text = "the server has not answered within 0.01 s; check the server, then run the same command again"
    assert ("database.lost", f"{url.shown}: {text}, or wait longer with --busy-timeout", False) == (
        caught.value.code,
        str(caught.value),
        caught.value.retriable,
    )
    assert connection.closed


def test_a_longer_time_is_allowed_for_one_block(connection):
    connection.answer_timeout = 0.001
    with connection.allow_time(60):
        connection.execute("SELECT pg_sleep(0.3)")

    assert 0.001 == connection.answer_timeout


def test_a_load_waits_for_a_lock_as_long_as_it_is_told(postgres_store, monkeypatch):
    """The time for the answer begins after that for the lock."""
    monkeypatch.setattr(connections, "_ANSWER_TIMEOUT", 0.0)
    monkeypatch.setattr(connections, "_STORE_TIMEOUT", 0.0)
    monkeypatch.setattr(connections, "_COUNT_TIMEOUT", 0.0)
    store = PeeweeStore(postgres_store.place, busy_timeout=60)

    loaded = store.load(Source("file:///a", "a"), [[Record(1, "x")]], OnDuplicate.SKIP)

    assert 1 == store.finalize(loaded.batch_id).record_count


def test_doctor_does_not_wait_for_ever(url, monkeypatch):
    monkeypatch.setattr(diagnostics, "_TIMEOUT", 0.05)
    monkeypatch.setattr(diagnostics, "_SERVER", "SELECT pg_sleep(60), 1, 2, 3, 4")

    finding = examine_database(url)[-1]

    assert ("contents", "database.lost") == (finding.what, finding.error.code)
