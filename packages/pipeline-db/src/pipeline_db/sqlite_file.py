"""A SQLite file as a database below the store."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline_jobs import Record, shown

from .database import NothingThereError
from .inserting import Insertion, insertion
from .sqlite import Connection, check, create, exists


class SqliteFile:
    """A file, made when the first batch is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def where(self) -> str:
        """The file's name."""
        return shown(self.path)

    @property
    def prepare(self) -> Callable[[int, Sequence[Record]], Insertion]:
        """Make of records what inserts them."""
        return insertion

    def check(self, busy_timeout: float) -> None:
        """Make sure that the file can be used, or made."""
        check(self.path, busy_timeout)

    @contextmanager
    def writing(self, key: str, busy_timeout: float, *, make: bool) -> Iterator[Connection]:  # noqa: ARG002  # SQLite has one lock for all
        """Lend a transaction: the only one there is."""
        if not exists(self.path):
            if not make:
                raise NothingThereError
            create(self.path)
        with Connection(self.path, busy_timeout) as connection, connection.writing():
            yield connection
