from .database_url import DatabaseUrl
from .diagnostics import examine_database
from .exceptions import CorruptError, DatabaseError
from .models import Batch, ProcessedRecord, ProcessingBatch
from .store import PeeweeStore

__all__ = [
    "Batch",
    "CorruptError",
    "DatabaseError",
    "DatabaseUrl",
    "PeeweeStore",
    "ProcessedRecord",
    "ProcessingBatch",
    "examine_database",
]
