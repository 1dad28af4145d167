"""The store: batches in a SQLite file or a PostgreSQL schema, for the jobs' `BatchStore` protocol."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from itertools import islice, starmap
from pathlib import Path
from typing import Any, NamedTuple

from peewee import Database

from pipeline_jobs import (
    BatchError,
    BatchId,
    Finalized,
    Loaded,
    OnDuplicate,
    Record,
    RecordsDigest,
    Source,
)
from pipeline_jobs.concurrency.file_semaphore import acquire_slot
from pipeline_jobs.concurrency.prefetch import prefetch_map
from pipeline_jobs.escaping import escape

from .backend import Backend, EncodedRecords, MissingDatabaseError, Transaction
from .database_url import DatabaseUrl, is_url
from .exceptions import DatabaseError
from .models import Batch, ProcessedRecord, ProcessingBatch
from .postgres import check_driver
from .queries import (
    COUNT_RECORDS,
    FINALIZE_BATCH,
    FINALIZED,
    FIND_BATCH,
    FIND_BATCHES,
    FIND_EARLIER_BATCH,
    LOADED,
    PROVE_FINALIZE,
    PROVE_LOAD,
    READ_RECORDS,
    UPDATE_RECORDS_HASH,
)
from .sqlite.backend import SqliteBackend

_TIME = ProcessingBatch.created_at
_PAGE = 10_000  # records read at a time

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's lock, by default."""


class PeeweeStore:
    """Keeps batches in a SQLite file or on a PostgreSQL server, each loaded in one transaction.

    Each call opens and closes its own connection in the calling thread, so a store can be shared by threads
    and sent to other processes.

    Args:
        place: a file, created by the first load, or the URL of a PostgreSQL database.
        busy_timeout: seconds to wait for locks of other processes, in total.
        run_id: recorded in the batches that this store loads.
        write_lock: a lock file. Writers with the same file queue for it before the timeout begins, so that
            none of them sees another's database lock.

    Raises:
        ValueError: the URL is invalid.
        DatabaseError: ``database.no_driver``: `place` is a URL, and psycopg is not installed.
    """

    def __init__(
        self,
        place: Path | str | DatabaseUrl,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
        run_id: str | None = None,
        write_lock: Path | None = None,
    ) -> None:
        if isinstance(place, str) and is_url(place):
            place = DatabaseUrl(place)
        self.place = place if isinstance(place, DatabaseUrl) else Path(place).absolute()
        self.path = self.place if isinstance(self.place, Path) else None
        self.busy_timeout = busy_timeout
        self.run_id = run_id
        self.write_lock = write_lock
        self._backend = _select_backend(self.place)

    def check(self) -> None:
        """Make sure that the database can be used, without creating or changing anything.

        Raises:
            DatabaseError: it cannot be used, or belongs to another program.
        """
        with self._queue():
            self._backend.check(self.busy_timeout)

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:
        """Load all chunks as one batch; see ``BatchStore.load``.

        Raises:
            BatchError: ``batch.duplicate``: `on_duplicate` is ``error``, and the records are loaded already.
            DatabaseError: the database cannot be used.
        """
        chunks = iter(chunks)
        # A single chunk is read to its end before a database is created: rejected input leaves no trace.
        head = list(islice(chunks, 2))
        if len(head) < 2:  # noqa: PLR2004  # the two that were asked for
            return self._load_single_chunk(source, head, on_duplicate)
        return self._load_stream(source, _chain(head, chunks), on_duplicate)

    def _load_single_chunk(
        self, source: Source, chunks: list[Sequence[Record]], on_duplicate: OnDuplicate
    ) -> Loaded:
        """Load one chunk, or none; a duplicate is found before anything is written."""
        digest = RecordsDigest()
        if chunks:
            digest.update(chunks[0])
        with (
            self._queue(),
            self._backend.open_transaction(source.uri, self.busy_timeout, create=True) as transaction,
        ):
            if earlier := _find_earlier_batch(transaction, source, digest, on_duplicate):
                transaction.roll_back()
                return _resolve_duplicate(earlier, source, on_duplicate)
            batch_id = _begin_batch(transaction, source, self.run_id, digest)
            if chunks:
                transaction.insert_records(self._backend.encode_records(batch_id, chunks.pop()))
        return Loaded(batch_id, digest.count)

    def _load_stream(
        self, source: Source, chunks: Iterator[Sequence[Record]], on_duplicate: OnDuplicate
    ) -> Loaded:
        """Load chunks that do not fit into memory together; a duplicate is found at the end."""
        digest = RecordsDigest()
        with (
            self._queue(),
            self._backend.open_transaction(source.uri, self.busy_timeout, create=True) as transaction,
        ):
            batch_id = _begin_batch(transaction, source, self.run_id)

            def encode(chunk: Sequence[Record]) -> EncodedRecords:
                digest.update(chunk)
                return self._backend.encode_records(batch_id, chunk)

            with prefetch_map(encode, chunks) as encoded_chunks:
                for encoded in encoded_chunks:
                    transaction.insert_records(encoded)
                    del encoded  # frees a long line before the next one is read
            if earlier := _find_earlier_batch(transaction, source, digest, on_duplicate):
                transaction.roll_back()
                return _resolve_duplicate(earlier, source, on_duplicate)
            transaction.execute(
                UPDATE_RECORDS_HASH, id=batch_id, records_sha256=digest.sha256, record_count=digest.count
            )
        return Loaded(batch_id, digest.count)

    def finalize(self, batch_id: int) -> Finalized:
        """Mark a batch as complete; see ``BatchStore.finalize``.

        Raises:
            BatchError: ``batch.not_found``, or ``batch.count_mismatch`` when records are missing.
            DatabaseError: the database cannot be used.
        """
        key = f"batch {batch_id}"
        try:
            with (
                self._queue(),
                self._backend.open_transaction(key, self.busy_timeout, create=False) as transaction,
            ):
                return _finalize_batch(transaction, batch_id, self._backend.where)
        except MissingDatabaseError:
            raise _build_not_found_error(batch_id, self._backend.where) from None

    def batches(self) -> list[Batch]:
        """Return all batches, the oldest first; none if there is no database yet.

        Raises:
            DatabaseError: the database cannot be used.
        """
        try:
            with self._backend.open_reader(self.busy_timeout) as fetch_rows:
                return [_parse_batch(row) for row in fetch_rows(FIND_BATCHES)]
        except MissingDatabaseError:
            return []

    def records(self, batch_id: int) -> Iterator[Record]:
        """Yield the records of a batch in the order of their lines, 10,000 of them in memory at a time.

        No lock is held while the caller works on them.

        Raises:
            BatchError: ``batch.not_found``.
            DatabaseError: the database cannot be used.
        """
        try:
            with self._backend.open_reader(self.busy_timeout) as fetch_rows:
                is_missing, after = not fetch_rows(FIND_BATCH, id=batch_id), 0
                while rows := fetch_rows(READ_RECORDS, id=batch_id, after=after, limit=_PAGE):
                    yield from starmap(Record, rows)
                    after, _ = rows[-1]
        except MissingDatabaseError:
            is_missing = True
        if is_missing:
            raise _build_not_found_error(batch_id, self._backend.where)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Open the database for queries of one's own with Peewee; the tables are made if they are missing.

        Within the block, `ProcessingBatch` and `ProcessedRecord` are bound to it. Peewee binds them for all
        threads, so threads that use different stores call ``query.execute(database)``. Errors of queries are
        Peewee's own.

        Raises:
            DatabaseError: the database cannot be used.
        """
        with self._queue():
            database = self._backend.make_peewee_database(self.busy_timeout)
        with database.connection_context(), database.bind_ctx([ProcessingBatch, ProcessedRecord]):
            yield database

    def _queue(self) -> AbstractContextManager[None]:
        return _lock_file(self.write_lock) if self.write_lock else nullcontext()


def _select_backend(place: Path | DatabaseUrl) -> Backend:
    if isinstance(place, Path):
        return SqliteBackend(place)
    check_driver(place)
    from .postgres.backend import PostgresBackend  # noqa: PLC0415  # psycopg takes 0.2 s to import

    return PostgresBackend(place)


@contextmanager
def _lock_file(file: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(acquire_slot(file, 1))
        except OSError as error:
            text = f"cannot create the lock file {escape(file)}: {error.strerror}"
            raise DatabaseError("database.unavailable", text) from error
        yield


def _chain(head: list[Sequence[Record]], rest: Iterator[Sequence[Record]]) -> Iterator[Sequence[Record]]:
    """Yield all chunks, keeping no reference to those already yielded."""
    while head:
        yield head.pop(0)
    yield from rest


class _EarlierBatch(NamedTuple):
    """A batch with the same source and records."""

    batch_id: int
    status: str
    record_count: int


def _begin_batch(
    transaction: Transaction, source: Source, run_id: str | None, digest: RecordsDigest | None = None
) -> BatchId:
    """Insert the row of a batch; without a digest, the hash of its records is set later."""
    now = _current_time()
    batch_id = transaction.insert_batch(
        source=source.uri,
        source_name=source.name,
        records_sha256=digest.sha256 if digest else "",
        record_count=digest.count if digest else 0,
        status=LOADED,
        created_at=now,
        run_id=run_id,
    )
    transaction.commit_proof = (PROVE_LOAD, {"id": batch_id, "source": source.uri, "created_at": now})
    return BatchId(batch_id)


def _find_earlier_batch(
    transaction: Transaction, source: Source, digest: RecordsDigest, on_duplicate: OnDuplicate
) -> _EarlierBatch | None:
    """Return the batch with the same source and records that makes this load unnecessary, if there is one."""
    row = transaction.fetch_row(
        FIND_EARLIER_BATCH, source=source.uri, records_sha256=digest.sha256, finalized=FINALIZED
    )
    if not row:
        return None
    earlier = _EarlierBatch(*row)
    return earlier if earlier.status == LOADED or on_duplicate is not OnDuplicate.LOAD else None


def _resolve_duplicate(earlier: _EarlierBatch, source: Source, on_duplicate: OnDuplicate) -> Loaded:
    """Return the earlier batch as the result of a load.

    Raises:
        BatchError: ``batch.duplicate``: the batch is finalized, and `on_duplicate` is ``error``.
    """
    batch_id = BatchId(earlier.batch_id)
    if earlier.status == LOADED:
        return Loaded(batch_id, earlier.record_count, resumed=True)
    if on_duplicate is OnDuplicate.ERROR:
        text = f"{escape(source.name)}: batch {batch_id} holds these records already"
        raise BatchError("batch.duplicate", text, batch_id=batch_id)
    return Loaded(batch_id, earlier.record_count, duplicate=True)


def _finalize_batch(transaction: Transaction, batch_id: int, where: str) -> Finalized:
    """Finalize a batch after counting its records.

    Raises:
        BatchError: ``batch.not_found`` or ``batch.count_mismatch``.
    """
    row = transaction.fetch_row(FIND_BATCH, id=batch_id)
    if row is None:
        raise _build_not_found_error(batch_id, where)
    status, record_count = row
    if status == FINALIZED:
        return Finalized(BatchId(batch_id), record_count, already=True)
    (count,) = transaction.fetch_row(COUNT_RECORDS, id=batch_id) or (0,)
    if count != record_count:
        text = f"batch {batch_id} holds {count} records, but {record_count} were loaded"
        text += "; another program changed it, restore a backup"
        raise BatchError("batch.count_mismatch", text, batch_id=batch_id)
    now = _current_time()
    transaction.execute(FINALIZE_BATCH, id=batch_id, status=FINALIZED, finalized_at=now)
    transaction.commit_proof = (PROVE_FINALIZE, {"id": batch_id, "finalized_at": now})
    return Finalized(BatchId(batch_id), count)


def _build_not_found_error(batch_id: int, where: str) -> BatchError:
    """Return the error for a batch that does not exist."""
    return BatchError("batch.not_found", f"no batch with id {batch_id} in {where}", batch_id=batch_id)


def _parse_batch(row: tuple[Any, ...]) -> Batch:
    """Return a row of `FIND_BATCHES` as a batch."""
    values = dict(zip(Batch._fields, row, strict=True))
    times = {name: _TIME.python_value(values[name]) for name in ("created_at", "finalized_at")}
    return Batch(**values | times | {"id": BatchId(values["id"])})


def _current_time() -> object:
    """Return the current time as its column stores it."""
    return _TIME.db_value(datetime.now(UTC))
