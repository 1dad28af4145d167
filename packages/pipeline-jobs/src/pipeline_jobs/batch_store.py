"""The interface between jobs and a database: any object with these two methods is a store."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:  # only annotations use them, and importing them takes 10 ms
    from .documents.records import Record
    from .documents.rows import RowChunk, Schema, Sums
    from .storage.location import Source


class BatchId(int):
    """The id of a batch: an ``int`` with a type of its own."""

    __slots__ = ()


class OnDuplicate(StrEnum):
    """Policy for records that a finalized batch of the same source already holds."""

    SKIP = "skip"
    LOAD = "load"
    ERROR = "error"


class Loaded(NamedTuple):
    """The outcome of `BatchStore.load`.

    Args:
        batch_id: the batch that holds the records.
        record_count: how many records it holds.
        duplicate: whether a finalized batch already held them, so that nothing was loaded.
        resumed: whether an unfinished batch of an earlier run already held them.
        rejected: how many rejected rows it holds besides.
    """

    batch_id: BatchId
    record_count: int
    duplicate: bool = False
    resumed: bool = False
    rejected: int = 0


class Finalized(NamedTuple):
    """The outcome of `BatchStore.finalize`.

    Args:
        batch_id: the batch.
        record_count: how many records it holds.
        already: whether it was finalized before, so that nothing changed.
        rejected: how many rejected rows it holds besides.
    """

    batch_id: BatchId
    record_count: int
    already: bool = False
    rejected: int = 0


class BatchStore(Protocol):
    """Keeps batches of records, each whole or not at all."""

    def load(
        self, source: "Source", chunks: Iterable[Sequence["Record"]], on_duplicate: OnDuplicate
    ) -> Loaded:
        """Load all `chunks` as one batch in one transaction.

        A batch is identified by ``source.uri`` and the hash of its records. If such a batch is loaded but not
        finalized, it is returned as it is; if it is finalized, `on_duplicate` decides. An error raised by the
        iterator rolls everything back and is raised again.

        Raises:
            BatchError: ``batch.duplicate``, when `on_duplicate` is ``error``.
        """

    def finalize(self, batch_id: int) -> Finalized:
        """Count the records of a batch, then mark it as complete. Finalizing twice is allowed.

        Raises:
            BatchError: ``batch.not_found``, or ``batch.count_mismatch`` when records are missing.
        """


class RowStore(BatchStore, Protocol):
    """Keeps batches of typed rows and rejects too, each whole or not at all."""

    def get_row_type(self, schema: "Schema") -> Any:  # noqa: ANN401  # whatever msgspec can decode to
        """Return the type that the content of a row is decoded to, a JSON array of the schema's columns.

        Raises:
            InputError: ``input.columns``: the store cannot take these columns.
        """

    def load_rows(
        self,
        source: "Source",
        schema: "Schema",
        sums: "Sums",
        chunks: "Iterable[RowChunk]",
        on_duplicate: OnDuplicate,
    ) -> Loaded:
        """Load all rows and rejects as one batch in one transaction, as `load` does with records.

        Args:
            source: where the rows come from.
            schema: of the rows.
            sums: what became of the rows of the source; stored with the batch.
            chunks: the rows, their content decoded to the type of `get_row_type`. The iterator checks at its
                end that they are as many as `sums` says.
            on_duplicate: what to do if a finalized batch of the same source and the same target holds them.

        Raises:
            BatchError: ``batch.duplicate``, when `on_duplicate` is ``error``.
        """
