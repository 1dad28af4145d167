from .database_url import DatabaseUrl
from .diagnostics import examine_database
from .exceptions import CorruptError, DatabaseError
from .models import Batch, ProcessedRecord, ProcessingBatch, RejectedRecord, RejectedRow
from .store import PeeweeStore

__all__ = [
    "Batch",
    "CorruptError",
    "DatabaseError",
    "DatabaseUrl",
    "PeeweeStore",
    "ProcessedRecord",
    "ProcessingBatch",
    "RejectedRecord",
    "RejectedRow",
    "examine_database",
]
