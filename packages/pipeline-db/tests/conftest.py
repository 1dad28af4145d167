"""Fixtures for the tests of this package."""

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

# No deadlines: a slow machine is not a bug.
settings.register_profile("no deadlines", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadlines")

NOBODY = 65534

type Ask = Callable[..., list[tuple[object, ...]]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the store, in `test_store*.py`, on each kind of database."""
    if "store" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2].startswith(
        "test_store"
    ):
        metafunc.parametrize("kind", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database of this test."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def store(request: pytest.FixtureRequest, kind: str) -> PeeweeStore:
    """A store in a new database."""
    return request.getfixturevalue(f"{kind}_store")


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Execute SQL in a store's database or in a file, without this package, and return the rows."""

    def execute(place: PeeweeStore | Path, statement: str) -> list[tuple[object, ...]]:
        if isinstance(place, PeeweeStore) and place.path is None:
            with psycopg.connect(place.place.with_password, autocommit=True) as server:
                cursor = server.execute(statement)
                return cursor.fetchall() if cursor.description else []
        with closing(sqlite3.connect(getattr(place, "path", place))) as connection, connection:
            return connection.execute(statement).fetchall()

    return execute


@pytest.fixture(scope="session")
def read_batch() -> Callable[[PeeweeStore, int], ProcessingBatch]:
    """Read a batch with Peewee."""

    def read(store: PeeweeStore, batch_id: int) -> ProcessingBatch:
        database = create_peewee_database(store)
        with database.connection_context():
            return ProcessingBatch.select().where(ProcessingBatch.id == batch_id).get(database)

    return read


@pytest.fixture(scope="session")
def peewee_database() -> Callable[[PeeweeStore], peewee.Database]:
    """Return a Peewee database for a store."""
    return create_peewee_database


def create_peewee_database(store: PeeweeStore) -> peewee.Database:
    if store.path is not None:
        return peewee.SqliteDatabase(str(store.path))
    if hasattr(peewee, "Psycopg3Adapter"):
        return peewee.PostgresqlDatabase(store.place.with_password, prefer_psycopg3=True)
    from playhouse.psycopg3_ext import Psycopg3Database  # before Peewee 4

    options = psycopg.conninfo.conninfo_to_dict(store.place.with_password)
    return Psycopg3Database(options.pop("dbname"), **options)


@pytest.fixture(scope="session")
def read_everything(files: Callable[[Path], dict[str, bytes]], ask: Ask) -> Callable[[PeeweeStore], object]:
    """Return the whole contents of a database, including transaction ids: equal if nothing was written."""

    def read(store: PeeweeStore) -> object:
        if store.path is not None:
            return files(store.path.parent)
        tables = ask(
            store, "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        )
        ours = [name for (name,) in tables if name in {"processing_batches", "processed_records"}]
        return sorted(tables), [ask(store, f"SELECT ctid, xmin, * FROM {name}") for name in sorted(ours)]

    return read


@pytest.fixture(scope="session")
def files() -> Callable[[Path], dict[str, bytes]]:
    """Return the contents of a folder: the bytes of each file by its name, none for other entries."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
            for path in sorted(folder.rglob("*"))
        }

    return read


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the user as whom the tests of file modes run."""
    with TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, -1)
        yield Path(folder)
        Path(folder).chmod(0o700)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """Run the block as a user whom file modes restrict, unlike root."""

    @contextmanager
    def run_as_nobody() -> Iterator[None]:
        if os.geteuid():
            yield
            return
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    return run_as_nobody
