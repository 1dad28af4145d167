"""Pipeline jobs as plain classes: A splits a file into records, B loads them as a batch, C finalizes it."""

from .base import BaseJob, Progress
from .display import shown
from .errors import BatchError, InputError, OutputError, PipelineError
from .job_a import JobA
from .job_b import JobB
from .job_c import JobC
from .output import draft
from .records import MAX_INTEGER, Chunk, Record, RecordsDigest, Source
from .result import JobResult
from .splitting import text_encoding
from .store import BatchId, BatchStore, Finalized, Loaded, OnDuplicate
from .validators import batch_id, input_path

__all__ = [
    "MAX_INTEGER",
    "BaseJob",
    "BatchError",
    "BatchId",
    "BatchStore",
    "Chunk",
    "Finalized",
    "InputError",
    "JobA",
    "JobB",
    "JobC",
    "JobResult",
    "Loaded",
    "OnDuplicate",
    "OutputError",
    "PipelineError",
    "Progress",
    "Record",
    "RecordsDigest",
    "Source",
    "batch_id",
    "draft",
    "input_path",
    "shown",
    "text_encoding",
]
