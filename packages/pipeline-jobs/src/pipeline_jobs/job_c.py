"""Job C: finalizes a batch."""

from .base import BaseJob
from .batch_store import BatchId, BatchStore
from .validators import parse_batch_id


class JobC(BaseJob[BatchId, BatchId]):
    """Finalize a batch: check that all of its records are there, and mark it as complete.

    Args:
        store: where the batch is kept.

    Counts ``records``, and ``rejected`` if there are any. Finalizing a batch twice is allowed, and changes
    nothing.
    """

    takes = "text"

    def __init__(self, store: BatchStore) -> None:
        self.store = store

    def validate_input(self, value: object) -> BatchId:
        """Parse the id of a batch, given as a number or as text."""
        return parse_batch_id(value)

    def single_job(self, value: BatchId) -> BatchId:
        """Finalize the batch and return its id."""
        finalized = self.store.finalize(value)
        self.counts["records"] = finalized.record_count
        if finalized.rejected:
            self.counts["rejected"] = finalized.rejected
        return BatchId(finalized.batch_id)  # a store of one's own may return a plain number
