"""What the tests of the database share."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import peewee
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from pipeline_db import PeeweeStore, ProcessingBatch
from pipeline_db.testing import postgres_server, postgres_store, postgres_url
from pipeline_db.testing import store as sqlite_store

__all__ = ["postgres_server", "postgres_store", "postgres_url", "sqlite_store"]

# A slow machine is no fault in the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

NOBODY = 65534

type Asked = Callable[..., list[tuple[object, ...]]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is about batches, in `test_store*.py`, on each database; the rest is of one or neither."""
    if "store" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2].startswith(
        "test_store"
    ):
        metafunc.parametrize("kind", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that a test runs on."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def store(request: pytest.FixtureRequest, kind: str) -> PeeweeStore:
    """A store in a new database of the test's own."""
    return request.getfixturevalue(f"{kind}_store")


@pytest.fixture(scope="session")
def ask() -> Asked:
    """Run a statement in a file or on the database of a store, past all of ours, and return the rows."""

    def asked(place: PeeweeStore | Path, statement: str) -> list[tuple[object, ...]]:
        if isinstance(place, PeeweeStore) and place.path is None:
            with psycopg.connect(place.place.with_password, autocommit=True) as server:
                cursor = server.execute(statement)
                return cursor.fetchall() if cursor.description else []
        with closing(sqlite3.connect(getattr(place, "path", place))) as connection, connection:
            return connection.execute(statement).fetchall()

    return asked


@pytest.fixture(scope="session")
def batch_of() -> Callable[[PeeweeStore, int], ProcessingBatch]:
    """Return a batch as Peewee reads it."""

    def found(store: PeeweeStore, batch_id: int) -> ProcessingBatch:
        database = peewee_database(store)
        with database.connection_context():
            return ProcessingBatch.select().where(ProcessingBatch.id == batch_id).get(database)

    return found


@pytest.fixture(scope="session")
def peewee_of() -> Callable[[PeeweeStore], peewee.Database]:
    """Return the database of a store as one of Peewee's."""
    return peewee_database


def peewee_database(store: PeeweeStore) -> peewee.Database:
    if store.path is not None:
        return peewee.SqliteDatabase(str(store.path))
    if hasattr(peewee, "Psycopg3Adapter"):
        return peewee.PostgresqlDatabase(store.place.with_password, prefer_psycopg3=True)
    from playhouse.psycopg3_ext import Psycopg3Database  # before Peewee 4

    options = psycopg.conninfo.conninfo_to_dict(store.place.with_password)
    return Psycopg3Database(options.pop("dbname"), **options)


@pytest.fixture(scope="session")
def kept(files: Callable[[Path], dict[str, bytes]], ask: Asked) -> Callable[[PeeweeStore], object]:
    """Return all that a database holds, down to which transaction wrote it: equal if nothing was changed."""

    def found(store: PeeweeStore) -> object:
        if store.path is not None:
            return files(store.path.parent)
        tables = ask(
            store, "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        )
        ours = [name for (name,) in tables if name in {"processing_batches", "processed_records"}]
        return sorted(tables), [ask(store, f"SELECT ctid, xmin, * FROM {name}") for name in sorted(ours)]

    return found


@pytest.fixture(scope="session")
def files() -> Callable[[Path], dict[str, bytes]]:
    """Return all that is in a folder: the bytes of each file by its name, none for what is no file."""

    def found(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
            for path in sorted(folder.rglob("*"))
        }

    return found


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the person that the tests of file modes act as."""
    with TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, -1)
        yield Path(folder)
        Path(folder).chmod(0o700)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Act as somebody whom file modes bind, which root is not."""

    @contextmanager
    def acting() -> Iterator[None]:
        if os.geteuid():
            yield
            return
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    return acting
