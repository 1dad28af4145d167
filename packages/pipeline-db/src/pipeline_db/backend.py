"""Protocols of a database as the store uses it: a backend and its transactions."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pipeline_jobs import Record

from .queries import Statement

if TYPE_CHECKING:
    from peewee import Database

    from .batch_record import BatchRecord

type EncodedRecords = Any
"""Records, or rows of one table, in the form that one kind of database inserts."""


type Models = Sequence[type[BatchRecord]]


class RowTable(NamedTuple):
    """A table with the columns `batch_id` and `line_number`, and those of the rows.

    Args:
        name: of the table.
        columns: besides these two, in the order of the values.
    """

    name: str
    columns: tuple[str, ...]


type CommitProof = tuple[Statement, Mapping[str, object]]
"""A query and its values."""


type FetchRows = Callable[..., list[tuple[Any, ...]]]
"""Executes a statement with a value for each of its parameters, and returns all rows."""


class MissingDatabaseError(Exception):
    """The database does not exist yet and was not to be created."""


class Transaction(Protocol):
    """One transaction: everything written in it is committed together, or nothing is.

    Attributes:
        commit_proof: finds a row if and only if this transaction was committed. It is executed on a new
            connection when the answer to the commit is lost.
    """

    commit_proof: CommitProof | None

    def insert_batch(self, **values: object) -> int:
        """Insert the row of a batch, and return its id."""

    def execute(self, statement: Statement, /, **values: object) -> object:
        """Execute a statement with a value for each of its parameters."""

    def fetch_row(self, statement: Statement, /, **values: object) -> tuple[Any, ...] | None:
        """Execute a statement, and return its first row."""

    def insert_records(self, records: EncodedRecords) -> None:
        """Insert a chunk of records or rows, encoded by the backend.

        Raises:
            DatabaseError: ``database.constraint``: a row breaks a constraint of its table.
        """

    def roll_back(self) -> None:
        """Undo everything, and release the lock."""


class Backend(Protocol):
    """A database in which the store keeps its batches.

    Attributes:
        where: the database's name in messages.
        max_digits: of the decimals that it stores exactly; None for any number.
    """

    @property
    def max_digits(self) -> int | None: ...  # noqa: D102  # see above

    @property
    def where(self) -> str: ...  # noqa: D102  # see above

    def encode_records(self, batch_id: int, records: Sequence[Record], /) -> EncodedRecords:
        """Encode records of a batch for `Transaction.insert_records`; this may run in any thread."""

    def encode_rows(
        self,
        table: RowTable,
        batch_id: int,
        line_numbers: Sequence[int],
        columns: Sequence[Sequence[object]],
        /,
    ) -> EncodedRecords:
        """Encode rows of a batch for `Transaction.insert_records`; this may run in any thread.

        Args:
            table: where the rows go.
            batch_id: of all rows.
            line_numbers: one for each row.
            columns: the values of each column, one for each row.
        """

    def check(self, busy_timeout: float, models: Models = ()) -> None:
        """Make sure that the database can be used, without creating or changing anything.

        Args:
            busy_timeout: seconds to wait for locks, in total.
            models: whose tables are compared with those that are there.

        Raises:
            DatabaseError: it cannot be used; ``database.table``: a table differs from its model.
        """

    def open_transaction(
        self, key: str, busy_timeout: float, *, create: bool, models: Models = ()
    ) -> AbstractContextManager[Transaction]:
        """Run the block in a transaction, on this release's schema: commit at its end, roll back on an error.

        Args:
            key: names what is written; two transactions with the same key never overlap.
            busy_timeout: seconds to wait for locks, in total.
            create: whether to create a database that does not exist yet.
            models: whose tables are created too, if they are missing.

        Raises:
            MissingDatabaseError: the database does not exist, and `create` is false.
            DatabaseError: the database cannot be used.
        """

    def open_reader(self, busy_timeout: float) -> AbstractContextManager[FetchRows]:
        """Lend a function that reads; no lock is held between its calls.

        Raises:
            MissingDatabaseError: the database does not exist.
            DatabaseError: the database cannot be used.
        """

    def make_peewee_database(self, busy_timeout: float) -> "Database":
        """Return the database for Peewee, closed, with this release's tables.

        Raises:
            DatabaseError: the database cannot be used.
        """
