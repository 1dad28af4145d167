"""What the tests of the database share."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from pipeline_db.testing import store

__all__ = ["store"]

# A slow machine is no fault in the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

NOBODY = 65534

type Asked = Callable[..., list[tuple[object, ...]]]


@pytest.fixture(scope="session")
def ask() -> Asked:
    """Run a statement on a database file, past everything of ours, and return the rows."""

    def asked(path: Path, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(statement).fetchall()

    return asked


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
