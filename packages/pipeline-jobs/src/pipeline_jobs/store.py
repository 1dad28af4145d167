"""What jobs need of a database, as a protocol: anything with these two methods will do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .records import Record, Source  # 10 ms to import, for names in annotations


class BatchId(int):
    """The id of a batch: an ``int`` that says what it counts."""

    __slots__ = ()


class OnDuplicate(StrEnum):
    """What to do with records that a finalized batch of the same source holds already."""

    SKIP = "skip"
    LOAD = "load"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load came to.

    Args:
        batch_id: the batch that holds the records.
        record_count: how many records it holds.
        duplicate: whether a finalized batch held them already, so that nothing was loaded.
        resumed: whether a batch left unfinished by an earlier run held them already.
    """

    batch_id: BatchId
    record_count: int
    duplicate: bool = False
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Finalized:
    """What finalizing came to.

    Args:
        batch_id: the batch.
        record_count: how many records it holds.
        already: whether it was finalized before, so that nothing changed.
    """

    batch_id: BatchId
    record_count: int
    already: bool = False


class BatchStore(Protocol):
    """Keeps batches of records, each whole or not at all."""

    def load(
        self, source: "Source", chunks: Iterable[Sequence["Record"]], on_duplicate: OnDuplicate
    ) -> Loaded:
        """Load all `chunks` as one batch in one transaction.

        A batch's identity is ``source.uri`` and the hash of its records. One that is loaded but not finalized
        is returned as it is; a finalized one is treated as `on_duplicate` says. An error raised by the
        iterator rolls everything back and passes through.

        Raises:
            BatchError: ``batch.duplicate``, when `on_duplicate` is ``error``.
        """

    def finalize(self, batch_id: int) -> Finalized:
        """Mark a batch as complete after counting its records. Finalizing twice is fine.

        Raises:
            BatchError: ``batch.not_found``, or ``batch.count_mismatch`` when records are missing.
        """
