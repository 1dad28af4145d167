"""Job B: a JSON document becomes a batch in a store."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .ahead import ahead
from .base import BaseJob
from .limits import MAX_RECORD_BYTES
from .places import open_input
from .reading import Document, read_data, read_file
from .records import MEMORY, Chunk, Source
from .store import BatchId, BatchStore, Loaded, OnDuplicate
from .url import Location
from .validators import input_location

if TYPE_CHECKING:
    from .places import Input

type Data = dict[str, object] | list[object]


class JobB(BaseJob[Location | Data, BatchId]):
    """Load a JSON document, in a file, in a store or in memory, into a store as one batch, and return its id.

    Args:
        store: what keeps the batch.
        on_duplicate: what to do with records of the same source that a finalized batch holds already.
        max_record_bytes: of a record's content in UTF-8; a larger one is refused.

    Counts ``records``, and as many ``duplicate`` or ``resumed`` where an earlier batch holds them.
    """

    def __init__(
        self,
        store: BatchStore,
        on_duplicate: OnDuplicate | str = OnDuplicate.SKIP,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.store = store
        self.max_record_bytes = max_record_bytes
        self.on_duplicate = OnDuplicate(on_duplicate)

    def validate_input(self, value: object) -> Location | Data:
        """Return data as it is, or where a file is that can be read; both are checked as they load."""
        return value if isinstance(value, dict | list) else input_location(value)

    def single_job(self, value: Location | Data) -> BatchId:
        """Load the document and return the id of its batch."""
        if isinstance(value, dict | list):
            loaded = self._load(read_data(value, MEMORY.name, self.max_record_bytes), MEMORY)
        else:
            with open_input(value) as file:
                loaded = self._load(read_file(file, self.max_record_bytes), file.source, file)
        self.counts["records"] = loaded.record_count
        self.counts.update(
            {name: loaded.record_count for name in ("duplicate", "resumed") if getattr(loaded, name)}
        )
        return loaded.batch_id

    def _load(self, document: Document, source: Source, file: "Input | None" = None) -> Loaded:
        """Load a document that is of `source` unless it names another."""
        with ahead(iter(document.chunks)) as chunks:
            told = self._told(chunks, file) if file else chunks
            return self.store.load(document.source or source, told, self.on_duplicate)

    def _told(self, chunks: Iterator[Chunk], file: "Input") -> Iterator[Chunk]:
        """Pass the chunks of a file on, telling how far it is read; at their end it must be as it was."""
        records = 0

        def told(chunk: Chunk) -> Chunk:
            nonlocal records
            records += len(chunk)
            self.progress(file.position, file.size, records)
            return chunk

        yield from map(told, chunks)
        file.check_unchanged()
