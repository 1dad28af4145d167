"""The life of a batch: records or rows are loaded as one batch, and the batch is finalized."""

from collections.abc import Callable, Iterator, Sized
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import NamedTuple

from pipeline_jobs import BatchError, BatchId, Finalized, Loaded, OnDuplicate, Source
from pipeline_jobs.concurrency.prefetch import prefetch_map
from pipeline_jobs.escaping import escape

from .backend import EncodedRecords, MissingDatabaseError, Models, Transaction
from .batch_content import REJECTS, Content
from .connector import Connector
from .models import ProcessingBatch
from .queries import (
    FINALIZE_BATCH,
    FINALIZED,
    FIND_BATCH,
    FIND_EARLIER_BATCH,
    LOADED,
    PROVE_FINALIZE,
    PROVE_LOAD,
    UPDATE_RECORDS_HASH,
    count_rows,
    split_target,
)

_TIME = ProcessingBatch.created_at

type OpenTransaction = Callable[[str], AbstractContextManager[Transaction]]
"""Opens the transaction of a load, given its key."""


def load_content[Chunk: Sized](
    connector: Connector,
    content: Content[Chunk],
    source: Source,
    chunks: Iterator[Chunk],
    on_duplicate: OnDuplicate,
    run_id: str | None,
    models: Models = (),
) -> Loaded:
    """Load all chunks as one batch in one transaction, into the models' tables; see ``BatchStore.load``."""
    open_transaction = partial(connector.open_transaction, create=True, models=models)
    # A single chunk is read to its end before a database is created: rejected input leaves no trace.
    head = list(islice(chunks, 2))
    if len(head) < 2:  # noqa: PLR2004  # the two that were asked for
        return _load_single_chunk(content, source, head, on_duplicate, open_transaction, run_id)
    return _load_stream(content, source, _chain(head, chunks), on_duplicate, open_transaction, run_id)


def _load_single_chunk[Chunk: Sized](
    content: Content[Chunk],
    source: Source,
    chunks: list[Chunk],
    on_duplicate: OnDuplicate,
    open_transaction: OpenTransaction,
    run_id: str | None,
) -> Loaded:
    """Load one chunk, or none; a duplicate is found before anything is written."""
    if chunks:
        content.update(chunks[0])
    count, rejected, sha256 = content.counted
    with open_transaction(source.uri) as transaction:
        if earlier := _find_earlier_batch(transaction, source, content, on_duplicate):
            transaction.roll_back()
            return _resolve_duplicate(earlier, source, on_duplicate)
        batch_id = _begin_batch(transaction, source, run_id, content, count, sha256)
        if chunks:
            _insert(transaction, content.encode(batch_id, chunks.pop()))
    return Loaded(batch_id, count, rejected=rejected)


def _load_stream[Chunk: Sized](
    content: Content[Chunk],
    source: Source,
    chunks: Iterator[Chunk],
    on_duplicate: OnDuplicate,
    open_transaction: OpenTransaction,
    run_id: str | None,
) -> Loaded:
    """Load chunks that do not fit into memory together; a duplicate is found at the end."""
    with open_transaction(source.uri) as transaction:
        batch_id = _begin_batch(transaction, source, run_id, content)

        def encode(chunk: Chunk) -> list[EncodedRecords]:
            content.update(chunk)
            return content.encode(batch_id, chunk)

        ahead = prefetch_map(encode, chunks) if content.is_encoded_ahead else nullcontext(map(encode, chunks))
        with ahead as encoded_chunks:
            for encoded in encoded_chunks:
                _insert(transaction, encoded)
        if earlier := _find_earlier_batch(transaction, source, content, on_duplicate):
            transaction.roll_back()
            return _resolve_duplicate(earlier, source, on_duplicate)
        count, rejected, sha256 = content.counted
        transaction.execute(UPDATE_RECORDS_HASH, id=batch_id, records_sha256=sha256, record_count=count)
    return Loaded(batch_id, count, rejected=rejected)


def finalize_batch(connector: Connector, batch_id: int) -> Finalized:
    """Finalize a batch after counting its records and its rejects; see ``BatchStore.finalize``.

    Raises:
        BatchError: ``batch.not_found`` or ``batch.count_mismatch``.
        DatabaseError: the database cannot be used.
    """
    where = connector.backend.where
    try:
        with connector.open_transaction(f"batch {batch_id}", create=False) as transaction:
            return _finalize_batch(transaction, batch_id, where)
    except MissingDatabaseError:
        raise build_not_found_error(batch_id, where) from None


def _finalize_batch(transaction: Transaction, batch_id: int, where: str) -> Finalized:
    row = transaction.fetch_row(FIND_BATCH, id=batch_id)
    if row is None:
        raise build_not_found_error(batch_id, where)
    status, record_count, rejected_count, target = row
    rejected = rejected_count or 0
    if status == FINALIZED:
        return Finalized(BatchId(batch_id), record_count, already=True, rejected=rejected)
    for table in split_target(target):
        _compare_count(transaction, batch_id, table, record_count, "records", "loaded")
    if rejected_count is not None:
        _compare_count(transaction, batch_id, REJECTS.name, rejected, "rejects", "rejected")
    now = _current_time()
    transaction.execute(FINALIZE_BATCH, id=batch_id, status=FINALIZED, finalized_at=now)
    transaction.commit_proof = (PROVE_FINALIZE, {"id": batch_id, "finalized_at": now})
    return Finalized(BatchId(batch_id), record_count, rejected=rejected)


def build_not_found_error(batch_id: int, where: str) -> BatchError:
    """Return the error for a batch that does not exist."""
    return BatchError("batch.not_found", f"no batch with id {batch_id} in {where}", batch_id=batch_id)


class _EarlierBatch(NamedTuple):
    """A batch with the same source, records and target."""

    batch_id: int
    status: str
    record_count: int
    rejected_count: int | None


def _chain[Chunk](head: list[Chunk], rest: Iterator[Chunk]) -> Iterator[Chunk]:
    """Yield all chunks, keeping no reference to those already yielded."""
    while head:
        yield head.pop(0)
    yield from rest


def _insert(transaction: Transaction, encoded: list[EncodedRecords]) -> None:
    """Insert an encoded chunk, and free a long line before the next one is read."""
    while encoded:
        transaction.insert_records(encoded.pop(0))


def _begin_batch[Chunk: Sized](
    transaction: Transaction,
    source: Source,
    run_id: str | None,
    content: Content[Chunk],
    count: int = 0,
    sha256: str = "",
) -> BatchId:
    """Insert the row of a batch; its hash, and its number of lines, may be set later."""
    now = _current_time()
    values = {"record_count": count, **content.described}
    batch_id = transaction.insert_batch(
        source=source.uri,
        source_name=source.name,
        records_sha256=sha256,
        status=LOADED,
        created_at=now,
        run_id=run_id,
        **values,
    )
    transaction.commit_proof = (PROVE_LOAD, {"id": batch_id, "source": source.uri, "created_at": now})
    return BatchId(batch_id)


def _find_earlier_batch[Chunk: Sized](
    transaction: Transaction, source: Source, content: Content[Chunk], on_duplicate: OnDuplicate
) -> _EarlierBatch | None:
    """Return the batch of the same identity that makes this load unnecessary, if there is one."""
    *_, sha256 = content.counted
    row = transaction.fetch_row(
        FIND_EARLIER_BATCH,
        source=source.uri,
        records_sha256=sha256,
        target=content.described["target"],
        finalized=FINALIZED,
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
    batch_id, rejected = BatchId(earlier.batch_id), earlier.rejected_count or 0
    if earlier.status == LOADED:
        return Loaded(batch_id, earlier.record_count, resumed=True, rejected=rejected)
    if on_duplicate is OnDuplicate.ERROR:
        text = f"{escape(source.name)}: batch {batch_id} holds these records already"
        raise BatchError("batch.duplicate", text, batch_id=batch_id)
    return Loaded(batch_id, earlier.record_count, duplicate=True, rejected=rejected)


def _compare_count(
    transaction: Transaction, batch_id: int, table: str, expected: int, noun: str, verb: str
) -> None:
    """Make sure that a table has as many rows of a batch as the batch says.

    Raises:
        BatchError: ``batch.count_mismatch``.
    """
    (count,) = transaction.fetch_row(count_rows(table), id=batch_id) or (0,)
    if count != expected:
        text = f"batch {batch_id} holds {count} {noun}, but {expected} were {verb}"
        text += "; another program changed it, restore a backup"
        raise BatchError("batch.count_mismatch", text, batch_id=batch_id)


def _current_time() -> object:
    """Return the current time as its column stores it."""
    return _TIME.db_value(datetime.now(UTC))
