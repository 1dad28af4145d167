"""Batches in a database: what jobs ask of a `BatchStore`, through Peewee."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline_jobs import (
    BatchError,
    BatchId,
    Finalized,
    Loaded,
    OnDuplicate,
    Record,
    RecordsDigest,
    Source,
    begun,
    mapped_ahead,
    shown,
)

from .inserting import Insertion, insertion
from .models import ProcessingBatch
from .sqlite import Connection, check, create, exists
from .statements import (
    BEGIN_BATCH,
    COMPLETE_BATCH,
    COUNT_RECORDS,
    EARLIER_BATCH,
    FINALIZE_BATCH,
    FINALIZED,
    FIND_BATCH,
    LOADED,
)
from .turns import Turns

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's lock, unless told otherwise."""


class PeeweeStore:
    """Keeps batches in a SQLite file, each loaded in one transaction.

    A connection is opened and closed for each call, in the thread that calls, so a store can be shared by
    threads and sent to other processes.

    Args:
        path: the file, made when the first batch is loaded.
        busy_timeout: seconds to wait for another process's lock, in all.
        run_id: what is noted on batches as the run that loaded them.
        turns: taken before the timeout begins, so that stores which share them never see each other's locks.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
        run_id: str | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.path = Path(path).absolute()
        self.busy_timeout = busy_timeout
        self.run_id = run_id
        self.turns = turns

    def check(self) -> None:
        """Make sure that the database can be used; nothing is created or changed.

        Raises:
            DatabaseError: it cannot be used, or is not one of ours.
        """
        with self._turn():
            check(self.path, self.busy_timeout)

    def _turn(self) -> AbstractContextManager[None]:
        return self.turns.taken() if self.turns else nullcontext()

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:
        """Load all chunks as one batch, as ``BatchStore.load`` says.

        Raises:
            BatchError: ``batch.duplicate``, when `on_duplicate` is ``error``.
            DatabaseError: the database cannot be used.
        """
        # What is one chunk is read to its end before anything is made: refused, it leaves no trace.
        chunks = begun(iter(chunks), 2)
        if not exists(self.path):
            create(self.path)
        with self._turn(), Connection(self.path, self.busy_timeout) as connection, connection.writing():
            batch_id = _begin(connection, source, self.run_id)
            digest = RecordsDigest()

            def prepared(chunk: Sequence[Record]) -> Insertion:
                digest.update(chunk)
                return insertion(batch_id, chunk)

            with mapped_ahead(prepared, chunks) as insertions:
                for insert in insertions:
                    with connection.reported():
                        insert(connection.driver)
                    del insert  # what it inserted, where a line is long, before the next one comes
            earlier = _earlier(connection, source, digest.sha256)
            if earlier and (earlier.status == LOADED or on_duplicate is not OnDuplicate.LOAD):
                connection.roll_back()
                return _served(earlier, source, on_duplicate)
            connection.execute(
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
            "batch.not_found", f"no batch with id {batch_id} in {shown(self.path)}", batch_id=batch_id
        )
        if not exists(self.path):
            raise missing
        with self._turn(), Connection(self.path, self.busy_timeout) as connection, connection.writing():
            batch = connection.execute(FIND_BATCH, id=batch_id).fetchone()
            if batch is None:
                raise missing
            status, record_count = batch
            if status == FINALIZED:
                return Finalized(BatchId(batch_id), record_count, already=True)
            (count,) = connection.execute(COUNT_RECORDS, id=batch_id).fetchone()
            if count != record_count:
                text = f"batch {batch_id} holds {count} records where {record_count} were loaded"
                text += "; another program changed it, restore a backup"
                raise BatchError("batch.count_mismatch", text, batch_id=batch_id)
            connection.execute(FINALIZE_BATCH, id=batch_id, status=FINALIZED, finalized_at=_now())
        return Finalized(BatchId(batch_id), count)


class _Earlier(NamedTuple):
    """A batch of the same records and source."""

    batch_id: int
    status: str
    record_count: int


def _begin(connection: Connection, source: Source, run_id: str | None) -> BatchId:
    """Insert the row of a batch whose records are not known yet."""
    inserted = connection.execute(
        BEGIN_BATCH,
        source=source.uri,
        source_name=source.name,
        records_sha256="",
        record_count=0,
        status=LOADED,
        created_at=_now(),
        run_id=run_id,
    )
    assert inserted.lastrowid is not None  # noqa: S101  # as after every insert
    return BatchId(inserted.lastrowid)


def _earlier(connection: Connection, source: Source, records_sha256: str) -> _Earlier | None:
    """Return the batch of the same records and source: an unfinished one first, then the newest."""
    found = connection.execute(
        EARLIER_BATCH, source=source.uri, records_sha256=records_sha256, finalized=FINALIZED
    ).fetchone()
    return _Earlier(*found) if found else None


def _served(earlier: _Earlier, source: Source, on_duplicate: OnDuplicate) -> Loaded:
    """Return what an earlier batch makes of a load, or raise if that is asked for."""
    batch_id = BatchId(earlier.batch_id)
    if earlier.status == LOADED:
        return Loaded(batch_id, earlier.record_count, resumed=True)
    if on_duplicate is OnDuplicate.ERROR:
        text = f"{shown(source.name)}: batch {batch_id} holds these records already"
        raise BatchError("batch.duplicate", text, batch_id=batch_id)
    return Loaded(batch_id, earlier.record_count, duplicate=True)


def _now() -> object:
    """Return the moment as its column stores it."""
    return ProcessingBatch.created_at.db_value(datetime.now(UTC))
