"""Job C: a batch is finalized."""

from .base import BaseJob
from .store import BatchId, BatchStore
from .validators import batch_id


class JobC(BaseJob[BatchId, BatchId]):
    """Finalize a batch: make sure that all of its records are there, and mark it as complete.

    Args:
        store: what keeps the batch.

    Counts ``records``. Finalizing twice is fine, and changes nothing.
    """

    def __init__(self, store: BatchStore) -> None:
        self.store = store

    def validate_input(self, value: object) -> BatchId:
        """Return the id of a batch, given as a number or as its text."""
        return batch_id(value)

    def single_job(self, value: BatchId) -> BatchId:
        """Finalize the batch and return its id."""
        finalized = self.store.finalize(value)
        self.counts["records"] = finalized.record_count
        return finalized.batch_id
