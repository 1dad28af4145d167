"""Batches in a database: what jobs ask of a `BatchStore`, through Peewee."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from pipeline_jobs import (
    BatchError,
    Finalized,
    Loaded,
    OnDuplicate,
    Record,
    RecordsDigest,
    Source,
    mapped_ahead,
    shown,
    slots,
)

from .batches import begin, earlier_batch, finalized, served
from .database import Database, NothingThereError, Prepared, Transaction
from .errors import DatabaseError
from .postgres.driver import missing_driver
from .sqlite_file import SqliteFile
from .statements import COMPLETE_BATCH
from .url import DatabaseUrl, is_url

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's lock, unless told otherwise."""


class PeeweeStore:
    """Keeps batches in a SQLite file or on a PostgreSQL server, each loaded in one transaction.

    A connection is opened and closed for each call, in the thread that calls, so a store can be shared by
    threads and sent to other processes.

    Args:
        place: a file, made when the first batch is loaded, or the URL of a PostgreSQL database.
        busy_timeout: seconds to wait for another process's lock, in all.
        run_id: what is noted on batches as the run that loaded them.
        turns: a file by which those who share it take turns, before the timeout begins, so that none of them
            sees another's lock.

    Raises:
        ValueError: it is a URL, but no right one.
        DatabaseError: ``database.no_driver``: it is a URL, and psycopg is not installed.
    """

    def __init__(
        self,
        place: Path | str | DatabaseUrl,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
        run_id: str | None = None,
        turns: Path | None = None,
    ) -> None:
        if isinstance(place, str) and is_url(place):
            place = DatabaseUrl(place)
        self.place = place if isinstance(place, DatabaseUrl) else Path(place).absolute()
        self.path = self.place if isinstance(self.place, Path) else None
        self.busy_timeout = busy_timeout
        self.run_id = run_id
        self.turns = turns
        self._database = _database(self.place)

    def check(self) -> None:
        """Make sure that the database can be used; nothing is created or changed.

        Raises:
            DatabaseError: it cannot be used, or is not one of ours.
        """
        with self._turn():
            self._database.check(self.busy_timeout)

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:
        """Load all chunks as one batch, as ``BatchStore.load`` says.

        Raises:
            BatchError: ``batch.duplicate``, when `on_duplicate` is ``error``.
            DatabaseError: the database cannot be used.
        """
        chunks = iter(chunks)
        # What is one chunk is read to its end before anything is made: refused, it leaves no trace.
        head = list(islice(chunks, 2))
        if len(head) < 2:  # noqa: PLR2004  # of the two that were asked for
            return self._load_known(source, head, on_duplicate)
        return self._load_unknown(source, _all(head, chunks), on_duplicate)

    def _load_known(
        self, source: Source, chunks: list[Sequence[Record]], on_duplicate: OnDuplicate
    ) -> Loaded:
        """Load one chunk or none; what is there already is found before anything is written."""
        digest = RecordsDigest()
        if chunks:
            digest.update(chunks[0])
        with self._writing(source.uri, make=True) as transaction:
            if earlier := earlier_batch(transaction, source, digest, on_duplicate):
                transaction.roll_back()
                return served(earlier, source, on_duplicate)
            batch_id = begin(transaction, source, self.run_id, digest)
            if chunks:
                transaction.insert(self._database.prepare(batch_id, chunks.pop()))
        return Loaded(batch_id, digest.count)

    def _load_unknown(
        self, source: Source, chunks: Iterator[Sequence[Record]], on_duplicate: OnDuplicate
    ) -> Loaded:
        """Load what is too much to be held, and learn at its end whether it is there already."""
        with self._writing(source.uri, make=True) as transaction:
            digest = RecordsDigest()
            batch_id = begin(transaction, source, self.run_id)

            def prepared(chunk: Sequence[Record]) -> Prepared:
                digest.update(chunk)
                return self._database.prepare(batch_id, chunk)

            with mapped_ahead(prepared, chunks) as insertions:
                for insertion in insertions:
                    transaction.insert(insertion)
                    del insertion  # what it inserted, where a line is long, before the next one comes
            if earlier := earlier_batch(transaction, source, digest, on_duplicate):
                transaction.roll_back()
                return served(earlier, source, on_duplicate)
            transaction.execute(
                COMPLETE_BATCH, id=batch_id, records_sha256=digest.sha256, record_count=digest.count
            )
        return Loaded(batch_id, digest.count)

    def finalize(self, batch_id: int) -> Finalized:
        """Mark a batch as complete, as ``BatchStore.finalize`` says.

        Raises:
            BatchError: ``batch.not_found``, or ``batch.count_mismatch`` when records are missing.
            DatabaseError: the database cannot be used.
        """
        missing = BatchError(
            "batch.not_found", f"no batch with id {batch_id} in {self._database.where}", batch_id=batch_id
        )
        try:
            with self._writing(f"batch {batch_id}", make=False) as transaction:
                return finalized(transaction, batch_id, missing)
        except NothingThereError:
            raise missing from None

    @contextmanager
    def _writing(self, key: str, *, make: bool) -> Iterator[Transaction]:
        with self._turn(), self._database.writing(key, self.busy_timeout, make=make) as transaction:
            yield transaction

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self.turns:
                try:
                    stack.enter_context(slots(self.turns, 1))
                except OSError as error:
                    text = f"{shown(self.turns)}, by which writers take turns, cannot be made"
                    raise DatabaseError("database.unavailable", f"{text}: {error.strerror}") from error
            yield


def _database(place: Path | DatabaseUrl) -> Database:
    if isinstance(place, Path):
        return SqliteFile(place)
    if error := missing_driver(place):
        raise error
    from .postgres.server import PostgresServer  # noqa: PLC0415  # psycopg takes 0.2 s to import

    return PostgresServer(place)


def _all(head: list[Sequence[Record]], rest: Iterator[Sequence[Record]]) -> Iterator[Sequence[Record]]:
    """Yield what was taken and then the rest, letting go of each."""
    while head:
        yield head.pop(0)
    yield from rest
