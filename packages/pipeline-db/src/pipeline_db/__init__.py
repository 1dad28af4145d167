"""Batches of records kept in SQLite or PostgreSQL through Peewee: whole or not at all, and once."""

from typing import TYPE_CHECKING

from .errors import CorruptError, DatabaseError
from .models import ProcessedRecord, ProcessingBatch
from .store import BUSY_TIMEOUT, PeeweeStore
from .url import DatabaseUrl

if TYPE_CHECKING:
    from .diagnosis import examine_database

__all__ = [
    "BUSY_TIMEOUT",
    "CorruptError",
    "DatabaseError",
    "DatabaseUrl",
    "PeeweeStore",
    "ProcessedRecord",
    "ProcessingBatch",
    "examine_database",
]


def __getattr__(name: str) -> object:
    # On demand: no run has a use for it.
    if name != "examine_database":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .diagnosis import examine_database  # noqa: PLC0415  # see above

    return examine_database
