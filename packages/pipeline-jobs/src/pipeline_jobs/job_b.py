"""Job B: loads a JSON document into a store as one batch."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from .base import BaseJob
from .batch_store import BatchId, BatchStore, OnDuplicate
from .concurrency.prefetch import prefetch
from .documents.reader import read_file
from .documents.records import Chunk
from .documents.size_limits import DEFAULT_MAX_RECORD_BYTES
from .storage.input import open_input
from .storage.location import MEMORY, Location
from .validators import parse_file_location

if TYPE_CHECKING:
    from .storage.input import Input

type Data = dict[str, object] | list[object] | tuple[object, ...]


class JobB(BaseJob[Location | Data, BatchId]):
    """Load a JSON document into a store as one batch, and return its id.

    The document is a file, a file in a remote store, or data in memory: a ``dict`` with ``records``, a
    ``list`` or a ``tuple``. Data that an earlier job of a run has made, and that name no source of their own,
    have the run's input as their source.

    Args:
        store: where the batch is kept.
        on_duplicate: what to do with records that a finalized batch of the same source already holds.
        max_record_bytes: limit on a record's content in UTF-8; a larger record is refused.

    Counts ``records``, and as many ``duplicate`` or ``resumed`` if an earlier batch holds them.
    """

    takes = "any"

    def __init__(
        self,
        store: BatchStore,
        on_duplicate: OnDuplicate | str = OnDuplicate.SKIP,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        self.store = store
        self.max_record_bytes = max_record_bytes
        self.on_duplicate = OnDuplicate(on_duplicate)

    def validate_input(self, value: object) -> Location | Data:
        """Return data as it is, or parse the location of a file; `single_job` checks what is in it."""
        return value if isinstance(value, dict | list | tuple) else parse_file_location(value)

    def single_job(self, value: Location | Data) -> BatchId:
        """Load the document and return the id of its batch."""
        with ExitStack() as stack:
            if isinstance(value, dict | list | tuple):
                from .documents.handwritten import read_data  # noqa: PLC0415  # 3 ms to import; files need none of it

                source = self.source or MEMORY
                document = read_data(value, source.name, self.max_record_bytes)
                chunks = stack.enter_context(prefetch(iter(document.chunks)))
            else:
                file = open_input(value)
                stack.enter_context(file)
                document, source = read_file(file, self.max_record_bytes), file.source
                prefetched = stack.enter_context(prefetch(iter(document.chunks)))
                chunks = self._report_progress(prefetched, file)
            # The source that the document names is the original one.
            loaded = self.store.load(document.source or source, chunks, self.on_duplicate)
        self.counts["records"] = loaded.record_count
        if loaded.duplicate:
            self.counts["duplicate"] = loaded.record_count
        if loaded.resumed:
            self.counts["resumed"] = loaded.record_count
        return BatchId(loaded.batch_id)  # a store of one's own may return a plain number

    def _report_progress(self, chunks: Iterator[Chunk], file: "Input") -> Iterator[Chunk]:
        """Pass on the chunks of a file and report how far it is read; then check that it did not change."""
        records = 0

        def report(chunk: Chunk) -> Chunk:
            nonlocal records
            records += len(chunk)
            self.progress(file.position, file.size, records)
            return chunk

        yield from map(report, chunks)  # unlike a loop variable, `map` keeps no chunk alive
        file.check_unchanged()
