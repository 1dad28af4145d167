from .batch_record import BatchRecord
from .database_url import DatabaseUrl
from .diagnostics import examine_database
from .exceptions import CorruptError, DatabaseError
from .models import Batch, ProcessedRecord, ProcessingBatch, RejectedRecord, RejectedRow
from .row_types import derive_record
from .store import PeeweeStore
from .table_store import TableStore
from .target import Target

__all__ = [
    "Batch",
    "BatchRecord",
    "CorruptError",
    "DatabaseError",
    "DatabaseUrl",
    "PeeweeStore",
    "ProcessedRecord",
    "ProcessingBatch",
    "RejectedRecord",
    "RejectedRow",
    "TableStore",
    "Target",
    "derive_record",
    "examine_database",
]
