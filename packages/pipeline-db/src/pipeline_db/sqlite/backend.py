"""A SQLite file as the store's database: access to the file, and a transaction on it."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from peewee import SqliteDatabase

from pipeline_db.backend import FetchRows, MissingDatabaseError, Models
from pipeline_db.exceptions import DatabaseError
from pipeline_jobs.escaping import escape
from pipeline_jobs.storage.atomic_writer import make_folder

from .bulk_insert import prepare_insert, prepare_rows
from .connection import SqliteConnection

_HEADER = 100  # bytes at the start of every SQLite database


class SqliteBackend:
    """A SQLite file, created by the first load.

    Args:
        path: absolute.
        adopt: whether to use a file that belongs to another program.
    """

    max_digits = 15  # of the floating-point numbers that it makes of decimals
    encode_records = staticmethod(prepare_insert)
    encode_rows = staticmethod(prepare_rows)

    def __init__(self, path: Path, *, adopt: bool = False) -> None:
        self.path = path
        self._adopt = adopt
        self.where = escape(path)

    def check(self, busy_timeout: float, models: Models = ()) -> None:
        """Make sure that the file can be used, or created."""
        if check_access(self.path):
            with closing(SqliteConnection(self.path, busy_timeout, adopt=self._adopt)) as connection:
                connection.check_ownership()
                connection.check_tables(models)
                connection.check_file()

    @contextmanager
    def open_transaction(
        self,
        key: str,  # noqa: ARG002  # SQLite has one write lock for all keys
        busy_timeout: float,
        *,
        create: bool,
        models: Models = (),
    ) -> Iterator[SqliteConnection]:
        """Run the block in a transaction that holds the file's write lock."""
        if not file_exists(self.path):
            if not create:
                raise MissingDatabaseError
            create_file(self.path)
        with closing(SqliteConnection(self.path, busy_timeout, adopt=self._adopt)) as connection:
            try:
                connection.begin(models)
                yield connection
                connection.commit()
            except BaseException:
                connection.roll_back()
                raise

    @contextmanager
    def open_reader(self, busy_timeout: float) -> Iterator[FetchRows]:
        """Lend a function that reads from the file."""
        if not file_exists(self.path):
            raise MissingDatabaseError
        self._prepare_schema(busy_timeout)
        with closing(SqliteConnection(self.path, busy_timeout, adopt=self._adopt)) as connection:
            yield connection.fetch_rows

    def make_peewee_database(self, busy_timeout: float) -> SqliteDatabase:
        """Return the file for Peewee, with this release's tables."""
        self._prepare_schema(busy_timeout)
        return SqliteDatabase(str(self.path), pragmas={"foreign_keys": 1}, timeout=busy_timeout)

    def _prepare_schema(self, busy_timeout: float) -> None:
        """Create or migrate the tables, if necessary: only then is the file written to."""
        if file_exists(self.path):
            with closing(SqliteConnection(self.path, busy_timeout, adopt=self._adopt)) as connection:
                if connection.has_current_schema():
                    return
        with self.open_transaction("", busy_timeout, create=True):
            """Opening it is enough."""


def check_access(path: Path) -> bool:
    """Make sure that a database can be written, or created if it does not exist; return whether it exists.

    Raises:
        DatabaseError: it cannot be read, written or created.
    """
    if file_exists(path):
        if not os.access(path, os.R_OK):
            text = f"{escape(path)}: cannot be read by this user; name another file with --db-path"
            raise DatabaseError("database.denied", text)
        # SQLite keeps the journal beside the file.
        if not os.access(path, os.W_OK) or not os.access(path.resolve().parent, os.W_OK | os.X_OK):
            text = f"{escape(path)}: cannot be written; name another file with --db-path"
            raise DatabaseError("database.read_only", text)
        return True
    nearest = next(folder for folder in path.parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise DatabaseError("database.unavailable", f"{escape(path)}: cannot be created in {escape(nearest)}")
    return False


def file_exists(path: Path) -> bool:
    """Return whether there is a file at `path`.

    Raises:
        DatabaseError: ``database.not_a_file`` or ``database.not_a_database``: there is something else.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DatabaseError("database.unavailable", f"{escape(path)}: {error.strerror}") from error
    except ValueError as error:
        raise DatabaseError("database.unavailable", f"{escape(path)}: invalid file name") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise DatabaseError("database.not_a_file", f"{escape(path)}: is {kind}; name a file with --db-path")
    if 0 < status.st_size < _HEADER:
        # SQLite itself treats a file of one byte as empty, and overwrites it.
        text = "is not a SQLite database; name another file with --db-path (file is not a database)"
        raise DatabaseError("database.not_a_database", f"{escape(path)}: {text}")
    return True


def create_file(path: Path) -> None:
    """Create an empty file, readable by its owner only, and its folder; an existing file stays as it is."""
    try:
        make_folder(path.parent)
        target = path.resolve()  # O_EXCL does not follow a link, and the link's target may not exist yet
        # A file that another thread has just created is not opened: closing it would drop its locks.
        with suppress(FileExistsError):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        text = f"{escape(path)}: cannot be created: {error.strerror}"
        raise DatabaseError("database.unavailable", text) from error
