"""A store's access to its database: transactions and readers, with its timeout and its queue of writers."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from pipeline_jobs.concurrency.file_semaphore import acquire_slot
from pipeline_jobs.escaping import escape

from .backend import Backend, FetchRows, Models, Transaction
from .exceptions import DatabaseError


class Connector:
    """Opens transactions and readers.

    Args:
        backend: the database.
        busy_timeout: seconds to wait for locks of other processes, in total.
        write_lock: a lock file that writers queue for before the timeout begins; None for no queue.
    """

    def __init__(self, backend: Backend, busy_timeout: float, write_lock: Path | None) -> None:
        self.backend = backend
        self.busy_timeout = busy_timeout
        self.write_lock = write_lock

    def check(self, models: Models = ()) -> None:
        """Make sure that the database can be used; see `Backend.check`."""
        with self.queue():
            self.backend.check(self.busy_timeout, models)

    @contextmanager
    def open_transaction(self, key: str, *, create: bool, models: Models = ()) -> Iterator[Transaction]:
        """Run the block in a transaction; see `Backend.open_transaction`."""
        with (
            self.queue(),
            self.backend.open_transaction(
                key, self.busy_timeout, create=create, models=models
            ) as transaction,
        ):
            yield transaction

    def open_reader(self) -> AbstractContextManager[FetchRows]:
        """Lend a function that reads; see `Backend.open_reader`."""
        return self.backend.open_reader(self.busy_timeout)

    def queue(self) -> AbstractContextManager[None]:
        """Wait for the lock file, if there is one, and hold it during the block."""
        return _lock_file(self.write_lock) if self.write_lock else nullcontext()


@contextmanager
def _lock_file(file: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(acquire_slot(file, 1))
        except OSError as error:
            text = f"cannot create the lock file {escape(file)}: {error.strerror}"
            raise DatabaseError("database.unavailable", text) from error
        yield
