"""What the store asks of a database below it, whichever that is."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from pipeline_jobs import Record

type Prepared = Any
"""What inserts a chunk of records, made for one kind of database."""


class NothingThereError(Exception):
    """There is no database yet, and none was to be made."""


class Transaction(Protocol):
    """One intent: all of it is kept when its block ends, or nothing of it."""

    def begin_batch(self, **values: object) -> int:
        """Insert the row of a batch, and return its id."""

    def execute(self, statement: str, /, **values: object) -> object:
        """Execute one of the `statements` with the values it names."""

    def row(self, statement: str, /, **values: object) -> tuple[Any, ...] | None:
        """Return the first row of one of the `statements`."""

    def insert(self, prepared: Prepared) -> None:
        """Insert a chunk of records."""

    def proven_by(self, statement: str, /, **values: object) -> None:
        """Say what finds a row if, and only if, this transaction was committed.

        It is asked where the answer to the commit was lost on its way.
        """

    def roll_back(self) -> None:
        """Undo what was written, and let go of the lock."""


class Database(Protocol):
    """A place where batches are kept.

    Attributes:
        where: what it is called when speaking to a person.
        prepare: makes of records what inserts them as part of a batch; in any thread.
    """

    @property
    def where(self) -> str: ...  # noqa: D102  # see above

    @property
    def prepare(self) -> Callable[[int, Sequence[Record]], Prepared]: ...  # noqa: D102  # see above

    def check(self, busy_timeout: float) -> None:
        """Make sure that it can be used; nothing is created or changed.

        Raises:
            DatabaseError: it cannot.
        """

    def writing(self, key: str, busy_timeout: float, *, make: bool) -> AbstractContextManager[Transaction]:
        """Lend a transaction on a schema of this release; at its end it is committed, or rolled back.

        Args:
            key: what is written about; no two transactions of the same key overlap.
            busy_timeout: seconds to wait for others, in all.
            make: whether to make what is not there yet.

        Raises:
            NothingThereError: nothing is there, and nothing was to be made.
            DatabaseError: it cannot be used.
        """
