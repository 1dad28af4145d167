"""Batches in a database: what jobs ask of a `BatchStore`, through Peewee."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from pipeline_jobs import (
    BatchError,
    BatchId,
    Finalized,
    Loaded,
    OnDuplicate,
    Record,
    RecordsDigest,
    Source,
    mapped_ahead,
    shown,
)

from .inserting import Insertion, insertion
from .models import ProcessedRecord, ProcessingBatch
from .sqlite import Connection, check, create, exists

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's lock, unless told otherwise."""

LOADED = "loaded"
FINALIZED = "finalized"


class PeeweeStore:
    """Keeps batches in a SQLite file, each loaded in one transaction.

    A connection is opened and closed for each call, in the thread that calls, so a store can be shared by
    threads and sent to other processes.

    Args:
        path: the file, made when the first batch is loaded.
        busy_timeout: seconds to wait for another process's lock, in all.
        run_id: what is noted on batches as the run that loaded them.
    """

    def __init__(
        self, path: Path | str, *, busy_timeout: float = BUSY_TIMEOUT, run_id: str | None = None
    ) -> None:
        self.path = Path(path).absolute()
        self.busy_timeout = busy_timeout
        self.run_id = run_id

    def check(self) -> None:
        """Make sure that the database can be used; nothing is created or changed.

        Raises:
            DatabaseError: it cannot be used, or is not one of ours.
        """
        check(self.path, self.busy_timeout)

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:
        """Load all chunks as one batch, as ``BatchStore.load`` says.

        Raises:
            BatchError: ``batch.duplicate``, when `on_duplicate` is ``error``.
            DatabaseError: the database cannot be used.
        """
        # What is one chunk is read to its end before anything is made: refused, it leaves no trace.
        chunks = iter(chunks)
        first = list(islice(chunks, 2))
        if not exists(self.path):
            create(self.path)
        with Connection(self.path, self.busy_timeout) as connection, connection.writing():
            batch_id = _begin(connection, source, self.run_id)
            digest = RecordsDigest()

            def prepared(chunk: Sequence[Record]) -> Insertion:
                digest.update(chunk)
                return insertion(batch_id, chunk)

            with mapped_ahead(prepared, chain(first, chunks)) as insertions:
                for insert in insertions:
                    with connection.reported():
                        insert(connection.database.connection())
            earlier = _earlier(connection, source, digest.sha256)
            if earlier and (earlier.status == LOADED or on_duplicate is not OnDuplicate.LOAD):
                connection.roll_back()
                return _served(earlier, source, on_duplicate)
            _update(connection, batch_id, records_sha256=digest.sha256, record_count=digest.count)
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
        with Connection(self.path, self.busy_timeout) as connection, connection.writing():
            with connection.reported():
                batch = (
                    ProcessingBatch.select().where(ProcessingBatch.id == batch_id).first(connection.database)
                )
                records = ProcessedRecord.select().where(ProcessedRecord.batch == batch_id)
                if batch is None:
                    raise missing
                if batch.status == FINALIZED:
                    return Finalized(BatchId(batch_id), batch.record_count, already=True)
                count = records.count(connection.database)
            if count != batch.record_count:
                text = f"batch {batch_id} holds {count} records where {batch.record_count} were loaded"
                text += "; another program changed it, restore a backup"
                raise BatchError("batch.count_mismatch", text, batch_id=batch_id)
            _update(connection, batch_id, status=FINALIZED, finalized_at=datetime.now(UTC))
        return Finalized(BatchId(batch_id), count)


def _begin(connection: Connection, source: Source, run_id: str | None) -> BatchId:
    """Insert the row of a batch whose records are not known yet."""
    row = {
        "source": source.uri,
        "source_name": source.name,
        "records_sha256": "",
        "record_count": 0,
        "status": LOADED,
        "created_at": datetime.now(UTC),
        "run_id": run_id,
    }
    with connection.reported():
        return BatchId(ProcessingBatch.insert(row).execute(connection.database))


def _update(connection: Connection, batch_id: int, **values: object) -> None:
    with connection.reported():
        ProcessingBatch.update(values).where(ProcessingBatch.id == batch_id).execute(connection.database)


def _earlier(connection: Connection, source: Source, records_sha256: str) -> ProcessingBatch | None:
    """Return the batch of the same records and source: an unfinished one first, then the newest."""
    query = (
        ProcessingBatch.select()
        .where(ProcessingBatch.source == source.uri, ProcessingBatch.records_sha256 == records_sha256)
        .order_by(ProcessingBatch.status == FINALIZED, ProcessingBatch.id.desc())
    )
    with connection.reported():
        return query.first(connection.database)  # type: ignore[no-any-return]  # Peewee is untyped


def _served(earlier: ProcessingBatch, source: Source, on_duplicate: OnDuplicate) -> Loaded:
    """Return what an earlier batch makes of a load, or raise if that is asked for."""
    batch_id = BatchId(earlier.id)
    if earlier.status == LOADED:
        return Loaded(batch_id, earlier.record_count, resumed=True)
    if on_duplicate is OnDuplicate.ERROR:
        text = f"{shown(source.name)}: batch {batch_id} holds these records already"
        raise BatchError("batch.duplicate", text, batch_id=batch_id)
    return Loaded(batch_id, earlier.record_count, duplicate=True)
