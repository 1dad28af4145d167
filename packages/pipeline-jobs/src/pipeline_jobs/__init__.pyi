from .base import BaseJob, Progress, Takes
from .batch_store import BatchId, BatchStore, Finalized, Loaded, OnDuplicate
from .diagnostics import Finding
from .document_files import open_document, write_document
from .documents.records import Record, RecordsDigest
from .documents.splitter import parse_encoding
from .exceptions import BatchError, InputError, Interruption, JobError, OutputError, PipelineError
from .files import create_binary, create_text, open_binary, open_text
from .job_a import JobA
from .job_b import JobB
from .job_c import JobC
from .reject_limit import RejectLimit, parse_reject_limit
from .results import JobResult
from .storage.location import Location, Source, Url, parse_location
from .validators import parse_batch_id, parse_input_location, parse_input_path

__all__ = [
    "BaseJob",
    "BatchError",
    "BatchId",
    "BatchStore",
    "Finalized",
    "Finding",
    "InputError",
    "Interruption",
    "JobA",
    "JobB",
    "JobC",
    "JobError",
    "JobResult",
    "Loaded",
    "Location",
    "OnDuplicate",
    "OutputError",
    "PipelineError",
    "Progress",
    "Record",
    "RecordsDigest",
    "RejectLimit",
    "Source",
    "Takes",
    "Url",
    "create_binary",
    "create_text",
    "open_binary",
    "open_document",
    "open_text",
    "parse_batch_id",
    "parse_encoding",
    "parse_input_location",
    "parse_input_path",
    "parse_location",
    "parse_reject_limit",
    "write_document",
]
