"""Pipeline jobs as plain classes: A splits a file into records, B loads them as a batch, C finalizes it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ahead import begun, mapped_ahead
    from .base import BaseJob, Progress
    from .diagnosis import examine_folder
    from .display import shown
    from .errors import BatchError, InputError, OutputError, PipelineError
    from .findings import Finding
    from .job_a import JobA
    from .job_b import JobB
    from .job_c import JobC
    from .limits import MAX_RECORD_BYTES, MOST_RECORD_BYTES
    from .matching import remote_matches
    from .output import draft, make_folder
    from .places import open_input
    from .records import MAX_INTEGER, Chunk, Record, RecordsDigest, Source
    from .remote_output import remotely_kept
    from .result import JobResult
    from .splitting import text_encoding
    from .store import BatchId, BatchStore, Finalized, Loaded, OnDuplicate
    from .turns import slots
    from .url import Location, Url, is_url, location, said
    from .validators import batch_id, input_location, input_path

__all__ = [
    "MAX_INTEGER",
    "MAX_RECORD_BYTES",
    "MOST_RECORD_BYTES",
    "BaseJob",
    "BatchError",
    "BatchId",
    "BatchStore",
    "Chunk",
    "Finalized",
    "Finding",
    "InputError",
    "JobA",
    "JobB",
    "JobC",
    "JobResult",
    "Loaded",
    "Location",
    "OnDuplicate",
    "OutputError",
    "PipelineError",
    "Progress",
    "Record",
    "RecordsDigest",
    "Source",
    "Url",
    "batch_id",
    "begun",
    "draft",
    "examine_folder",
    "input_location",
    "input_path",
    "is_url",
    "location",
    "make_folder",
    "mapped_ahead",
    "open_input",
    "remote_matches",
    "remotely_kept",
    "said",
    "shown",
    "slots",
    "text_encoding",
]

_MODULES = {
    "MAX_INTEGER": "records",
    "MAX_RECORD_BYTES": "limits",
    "MOST_RECORD_BYTES": "limits",
    "BaseJob": "base",
    "BatchError": "errors",
    "BatchId": "store",
    "BatchStore": "store",
    "Chunk": "records",
    "Finalized": "store",
    "Finding": "findings",
    "InputError": "errors",
    "JobA": "job_a",
    "JobB": "job_b",
    "JobC": "job_c",
    "JobResult": "result",
    "Loaded": "store",
    "Location": "url",
    "OnDuplicate": "store",
    "OutputError": "errors",
    "PipelineError": "errors",
    "Progress": "base",
    "Record": "records",
    "RecordsDigest": "records",
    "Source": "records",
    "Url": "url",
    "batch_id": "validators",
    "begun": "ahead",
    "draft": "output",
    "examine_folder": "diagnosis",
    "input_location": "validators",
    "input_path": "validators",
    "is_url": "url",
    "location": "url",
    "make_folder": "output",
    "mapped_ahead": "ahead",
    "open_input": "places",
    "remote_matches": "matching",
    "remotely_kept": "remote_output",
    "said": "url",
    "shown": "display",
    "slots": "turns",
    "text_encoding": "splitting",
}


def __getattr__(name: str) -> object:
    # On demand: what reads and writes takes 30 ms to import, which `pipeline --help` has no use for.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
