"""Tables and the store, from `pipeline_db`."""

from pipeline_db import PeeweeStore, ProcessedRecord, ProcessingBatch

__all__ = ["PeeweeStore", "ProcessedRecord", "ProcessingBatch"]
