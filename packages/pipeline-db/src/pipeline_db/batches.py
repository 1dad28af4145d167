"""A batch within a transaction: begun, found again, finalized."""

from datetime import UTC, datetime
from typing import NamedTuple

from pipeline_jobs import BatchError, BatchId, Finalized, Loaded, OnDuplicate, RecordsDigest, Source, shown

from .database import Transaction
from .models import ProcessingBatch
from .statements import (
    COUNT_RECORDS,
    EARLIER_BATCH,
    FINALIZE_BATCH,
    FINALIZED,
    FINALIZED_BATCH,
    FIND_BATCH,
    LOADED,
    LOADED_BATCH,
)


class Earlier(NamedTuple):
    """A batch of the same records and source."""

    batch_id: int
    status: str
    record_count: int


def begin(
    transaction: Transaction, source: Source, run_id: str | None, digest: RecordsDigest | None = None
) -> BatchId:
    """Insert the row of a batch; without a digest, its records are not known yet."""
    now = _now()
    batch_id = transaction.begin_batch(
        source=source.uri,
        source_name=source.name,
        records_sha256=digest.sha256 if digest else "",
        record_count=digest.count if digest else 0,
        status=LOADED,
        created_at=now,
        run_id=run_id,
    )
    transaction.proven_by(LOADED_BATCH, id=batch_id, source=source.uri, created_at=now)
    return BatchId(batch_id)


def earlier_batch(
    transaction: Transaction, source: Source, digest: RecordsDigest, on_duplicate: OnDuplicate
) -> Earlier | None:
    """Return the batch of the same records and source that makes a load needless, if there is one."""
    found = transaction.row(
        EARLIER_BATCH, source=source.uri, records_sha256=digest.sha256, finalized=FINALIZED
    )
    if not found:
        return None
    earlier = Earlier(*found)
    return earlier if earlier.status == LOADED or on_duplicate is not OnDuplicate.LOAD else None


def served(earlier: Earlier, source: Source, on_duplicate: OnDuplicate) -> Loaded:
    """Return what an earlier batch makes of a load, or raise if that is asked for."""
    batch_id = BatchId(earlier.batch_id)
    if earlier.status == LOADED:
        return Loaded(batch_id, earlier.record_count, resumed=True)
    if on_duplicate is OnDuplicate.ERROR:
        text = f"{shown(source.name)}: batch {batch_id} holds these records already"
        raise BatchError("batch.duplicate", text, batch_id=batch_id)
    return Loaded(batch_id, earlier.record_count, duplicate=True)


def finalized(transaction: Transaction, batch_id: int, missing: BatchError) -> Finalized:
    """Finalize a batch whose records are all there; raise what is given where there is no such batch."""
    batch = transaction.row(FIND_BATCH, id=batch_id)
    if batch is None:
        raise missing
    status, record_count = batch
    if status == FINALIZED:
        return Finalized(BatchId(batch_id), record_count, already=True)
    (count,) = transaction.row(COUNT_RECORDS, id=batch_id) or (0,)
    if count != record_count:
        text = f"batch {batch_id} holds {count} records where {record_count} were loaded"
        text += "; another program changed it, restore a backup"
        raise BatchError("batch.count_mismatch", text, batch_id=batch_id)
    now = _now()
    transaction.execute(FINALIZE_BATCH, id=batch_id, status=FINALIZED, finalized_at=now)
    transaction.proven_by(FINALIZED_BATCH, id=batch_id, finalized_at=now)
    return Finalized(BatchId(batch_id), count)


def _now() -> object:
    """Return the moment as its column stores it."""
    return ProcessingBatch.created_at.db_value(datetime.now(UTC))
