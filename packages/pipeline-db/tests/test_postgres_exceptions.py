"""Translation of PostgreSQL's errors: each gets a code, and none shows a password."""

import os
import pickle
import re
import secrets
import socket
from pathlib import Path

import psycopg
import pytest

from pipeline_db import CorruptError, DatabaseError, DatabaseUrl, PeeweeStore
from pipeline_db.postgres.connection import open_connection
from pipeline_db.postgres.exceptions import translate_errors
from pipeline_jobs import OnDuplicate, Record, Source

A = Source("file:///a", "a")
ONE = [[Record(1, "x")]]
SECRET = "an0ther-s3cret"
RETRY = "run the same command again"


@pytest.fixture
def connection(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


def raise_on_server(code):
    """Return a statement that makes the server raise an error with a code."""
    return f"DO $$ BEGIN RAISE EXCEPTION 'message' USING ERRCODE = '{code}'; END $$"


@pytest.mark.parametrize(
    ("state", "code", "text", "retriable"),
    [
        ("55P03", "database.busy", "in use by another process for over 2.5 s; try again later", False),
        ("57014", "database.cancelled", "the server cancelled the statement (message)", True),
        ("57P01", "database.lost", f"the server ended the connection; {RETRY} (message)", True),
        ("57P02", "database.lost", f"the server ended the connection; {RETRY} (message)", True),
        ("57P03", "database.lost", f"the server ended the connection; {RETRY} (message)", True),
        ("25P03", "database.lost", f"the server ended the transaction; {RETRY} (message)", True),
        ("08006", "database.lost", f"the connection was lost; {RETRY} (message)", True),
        ("40P01", "database.conflict", f"conflict with another transaction; {RETRY} (message)", True),
        ("40001", "database.conflict", f"conflict with another transaction; {RETRY} (message)", True),
        (
            "53300",
            "database.unavailable",
            "the server has too many connections; try again later (message)",
            True,
        ),
        ("53100", "database.full", "the server's disk is full (message)", False),
        ("53200", "database.failed", "the server lacks resources (message)", True),
        ("28P01", "database.denied", "access is denied (message)", False),
        ("42501", "database.denied", "access is denied (message)", False),
        ("25006", "database.read_only", "it is read-only (message)", False),
        ("58030", "database.io", "the server could not read or write a file (message)", False),
        ("XX001", "corrupt.database", "is damaged (message); restore a backup", False),
        ("XX002", "corrupt.database", "is damaged (message); restore a backup", False),
        ("42703", "database.failed", "message", False),
        ("XX000", "database.failed", "message", False),
    ],
)
def test_an_error_has_its_code(connection, postgres_url, state, code, text, retriable):
    url = DatabaseUrl(postgres_url)
    with pytest.raises(DatabaseError) as caught, translate_errors(url, 2.5):
        connection.execute(raise_on_server(state))

    assert (code, retriable, code.startswith("corrupt")) == (
        caught.value.code,
        caught.value.retriable,
        isinstance(caught.value, CorruptError),
    )
    assert str(caught.value).startswith(f"{url.shown}: {text}")


def test_a_record_is_not_shown(postgres_store, ask):
    """Though the server's details contain the record that it rejects."""
    postgres_store.load(A, ONE, OnDuplicate.SKIP)
    ask(postgres_store, "ALTER TABLE processed_records ADD CHECK (content <> 'private')")

    with pytest.raises(DatabaseError, match=r"violates check constraint") as caught:
        postgres_store.load(A, [[Record(1, "private")]], OnDuplicate.SKIP)

    assert "private" not in str(caught.value)


@pytest.fixture
def closed_port():
    """Bound, but not listening: it refuses connections, and no other program gets it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize(
    ("change", "code", "text", "retriable"),
    [
        (
            {"host": "127.0.0.1", "port": "closed"},
            "database.unavailable",
            "Connection refused",
            True,
        ),
        ({"host": "/nowhere"}, "database.unavailable", "No such file or directory", True),
        ({"host": "nobody.invalid"}, "database.unavailable", "", True),
        ({"dbname": "not_there"}, "database.unavailable", 'database "not_there" does not exist', False),
        ({"unknown": "1"}, "database.unavailable", 'invalid URI query parameter: "unknown"', False),
        ({"sslmode": "odd"}, "database.unavailable", 'invalid sslmode value: "…"', False),
    ],
)
def test_an_unreachable_server_is_an_error(postgres_server, closed_port, change, code, text, retriable):
    options = {
        key: value for key, value in psycopg.conninfo.conninfo_to_dict(postgres_server).items() if value
    }
    options |= {"password": SECRET, "connect_timeout": "2"} | change
    options = {key: closed_port if value == "closed" else value for key, value in options.items()}
    query = "&".join(f"{key}={value}" for key, value in options.items())
    store = PeeweeStore(f"postgresql://?{query}")

    for act in (store.check, lambda: store.load(A, ONE, OnDuplicate.SKIP)):
        with pytest.raises(DatabaseError) as caught:
            act()

        assert (code, retriable) == (caught.value.code, caught.value.retriable)
        assert text in str(caught.value)
        assert SECRET not in f"{caught.value!r} {pickle.dumps(caught.value)} {caught.value.__cause__}"
        assert "\n" not in str(caught.value)


def test_a_server_that_does_not_answer_is_an_error_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server:
        store = PeeweeStore(f"postgresql://127.0.0.1:{server.getsockname()[1]}/x", busy_timeout=1)

        with pytest.raises(DatabaseError) as caught:
            store.check()

    assert ("database.unavailable", True) == (caught.value.code, caught.value.retriable)


@pytest.fixture
def role(postgres_url, ask):
    """A role without privileges."""
    name = f"role_{secrets.token_hex(4)}"
    owner = PeeweeStore(postgres_url)
    ask(owner, f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
    yield name
    ask(owner, f"DROP OWNED BY {name}")
    ask(owner, f"DROP ROLE {name}")


def open_store_as(url, role, password=SECRET):
    role_url = re.sub(r"://[^@/]*@", f"://{role}:{password}@", url)
    return PeeweeStore(role_url)


def test_check_finds_missing_privileges(postgres_url, role, ask):
    owner, store = PeeweeStore(postgres_url), open_store_as(postgres_url, role)
    schema = postgres_url.rpartition("%3D")[2]

    with pytest.raises(DatabaseError) as caught:
        store.check()
    assert "database.no_schema" == caught.value.code  # a schema that it may not use is not found

    ask(owner, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    with pytest.raises(
        DatabaseError, match=r"no privilege to create tables in .* ask for GRANT CREATE ON SCHEMA$"
    ) as caught:
        store.check()
    assert "database.denied" == caught.value.code

    owner.load(A, ONE, OnDuplicate.SKIP)
    ask(owner, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    with pytest.raises(DatabaseError, match=r"ask for GRANT SELECT, INSERT, UPDATE$") as caught:
        store.check()
    assert "database.denied" == caught.value.code
    with pytest.raises(DatabaseError, match=r"access is denied \(permission denied for table") as caught:
        store.load(A, [[Record(1, "y")]], OnDuplicate.SKIP)
    assert "database.denied" == caught.value.code

    ask(owner, f"GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    store.check()
    assert 1 == store.finalize(store.load(A, [[Record(1, "y")]], OnDuplicate.SKIP).batch_id).record_count


def test_a_read_only_database_is_an_error(postgres_url):
    store = PeeweeStore(postgres_url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20"))

    for act, text in ((store.check, "is read-only"), (lambda: store.load(A, ONE, OnDuplicate.SKIP), "it is")):
        with pytest.raises(DatabaseError, match=text) as caught:
            act()
        assert "database.read_only" == caught.value.code


@pytest.fixture
def password_required(postgres_server, role):
    """Make the server require the password of a role."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        (name,) = connection.execute("SHOW hba_file").fetchone()
        path = Path(name)
        if not os.access(path, os.W_OK):
            pytest.skip("cannot change the authentication of this server")
        before = path.read_bytes()
        path.write_bytes(b"local all %s scram-sha-256\n%s" % (role.encode(), before))
        connection.execute("SELECT pg_reload_conf()")
        yield
        path.write_bytes(before)
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("password", ["wr0ng-password", ""])
def test_a_wrong_password_is_not_shown(postgres_url, role, password_required, monkeypatch, password):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    with pytest.raises(DatabaseError) as caught:
        open_store_as(postgres_url, role, password).check()

    assert ("database.denied", False) == (caught.value.code, caught.value.retriable)
    assert "access is denied" in str(caught.value)
    assert "wr0ng" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("variable", ["PGPASSWORD", "PIPELINE_DB_URL", "PGPASSFILE"])
def test_another_process_finds_the_password_in_its_environment(
    postgres_url, role, password_required, monkeypatch, tmp_path, variable
):
    """The pickle does not contain it."""
    sent = pickle.dumps(open_store_as(postgres_url, role))
    passwords = tmp_path / "passwords"
    passwords.write_text(f"*:*:*:{role}:{SECRET}\n", encoding="utf-8")
    passwords.chmod(0o600)
    whole = open_store_as(postgres_url, role).place.with_password
    monkeypatch.setenv(
        variable, {"PGPASSWORD": SECRET, "PIPELINE_DB_URL": whole, "PGPASSFILE": str(passwords)}[variable]
    )

    with pytest.raises(DatabaseError) as caught:
        pickle.loads(sent).check()

    assert "database.no_schema" == caught.value.code  # it is connected, without privileges


def test_a_timeout_in_the_url_takes_precedence(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = DatabaseUrl(f"postgresql://127.0.0.1:{server.getsockname()[1]}/x?connect_timeout=2")

        with pytest.raises(DatabaseError):
            open_connection(url, 60)
