"""Batches of records kept in SQLite through Peewee: whole or not at all, and once."""

from .diagnosis import examine_database
from .errors import CorruptError, DatabaseError
from .models import ProcessedRecord, ProcessingBatch
from .store import BUSY_TIMEOUT, PeeweeStore

__all__ = [
    "BUSY_TIMEOUT",
    "CorruptError",
    "DatabaseError",
    "PeeweeStore",
    "ProcessedRecord",
    "ProcessingBatch",
    "examine_database",
]
