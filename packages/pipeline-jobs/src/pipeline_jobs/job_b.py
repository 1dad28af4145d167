"""Job B: loads a JSON document into a store as one batch."""

from collections.abc import Iterator, Sized
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from .base import BaseJob
from .batch_store import BatchId, BatchStore, Loaded, OnDuplicate, RowStore
from .concurrency.prefetch import prefetch
from .documents.reader import read_file
from .documents.size_limits import DEFAULT_MAX_RECORD_BYTES
from .documents.writer import HEAD_LIMIT, parse_head
from .exceptions import InputError
from .storage.input import open_input
from .storage.location import MEMORY, Location
from .validators import parse_file_location

if TYPE_CHECKING:
    from .documents.rows import RowChunk, Schema, Sums
    from .documents.writer import Head
    from .storage.input import Input
    from .storage.location import Source

type Data = dict[str, object] | list[object] | tuple[object, ...]


class JobB(BaseJob[Location | Data, BatchId]):
    """Load a JSON document into a store as one batch, and return its id.

    The document is a file, a file in a remote store, or data in memory: a ``dict`` with ``records``, a
    ``list`` or a ``tuple``. A store for a table of typed rows takes a list of ``dict`` or of records instead,
    numbered by position. Data that an earlier job of a run has made, and that name no source of their own,
    have the run's input as their source.

    Args:
        store: where the batch is kept.
        on_duplicate: what to do with records that a finalized batch of the same source already holds.
        max_record_bytes: limit on a record's content in UTF-8; a larger record is refused.

    Counts ``records``, and as many ``duplicate`` or ``resumed`` if an earlier batch holds them; of typed rows
    also ``read``, and ``rejected``, ``blank`` and ``dropped``, whose sum with ``records`` is ``read``.
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
                loaded = self._load_data(value, stack)
            else:
                file = open_input(value)
                stack.enter_context(file)
                loaded = self._load_file(file, stack)
        self.counts["records"] = loaded.record_count
        if loaded.duplicate:
            self.counts["duplicate"] = loaded.record_count
        if loaded.resumed:
            self.counts["resumed"] = loaded.record_count
        return BatchId(loaded.batch_id)  # a store of one's own may return a plain number

    def _load_data(self, data: Data, stack: ExitStack) -> Loaded:
        source = self.source or MEMORY
        make_chunks = getattr(self.store, "make_chunks", None)
        if make_chunks is not None:  # a store for a table of typed rows
            schema, sums, rows = make_chunks(data["records"] if isinstance(data, dict) else data)
            return self._load_chunks(source, schema, sums, rows)
        from .documents.handwritten import read_data  # noqa: PLC0415  # 3 ms to import; files need none of it

        document = read_data(data, source.name, self.max_record_bytes)
        chunks = stack.enter_context(prefetch(iter(document.chunks)))
        return self.store.load(document.source or source, chunks, self.on_duplicate)

    def _load_file(self, file: "Input", stack: ExitStack) -> Loaded:
        head = parse_head(file.read(HEAD_LIMIT))
        if head is not None and head.schema is not None:
            return self._load_rows(file, head)
        document = read_file(file, self.max_record_bytes, head)
        prefetched = stack.enter_context(prefetch(iter(document.chunks)))
        # The source that the document names is the original one.
        chunks = self._report_progress(prefetched, file)
        return self.store.load(document.source or file.source, chunks, self.on_duplicate)

    def _load_rows(self, file: "Input", head: "Head") -> Loaded:
        """Load a document of typed rows."""
        from .documents.row_reader import RowDocument  # noqa: PLC0415  # lines of text need none of it

        document = RowDocument(file, head, self.max_record_bytes)
        if not hasattr(self.store, "load_rows"):
            text = f"{file.where}: holds typed rows, and the store takes lines of text only"
            raise InputError("input.columns", text)
        rows = document.read(cast("RowStore", self.store).get_row_type(document.schema))
        # Not in a thread, as lines are: decoding and inserting both hold Python's lock most of the time.
        chunks = self._report_progress(rows, file)
        return self._load_chunks(document.source, document.schema, document.sums, chunks)

    def _load_chunks(
        self, source: "Source", schema: "Schema", sums: "Sums", chunks: "Iterator[RowChunk]"
    ) -> Loaded:
        """Load typed rows, and count what became of all rows of their source."""
        store = cast("RowStore", self.store)
        loaded = store.load_rows(source, schema, sums, chunks, self.on_duplicate)
        counts = {"records": loaded.record_count, **sums._asdict()}
        del counts["loaded"]  # as it is called in the sums
        self.counts.update(counts)
        return loaded

    def _report_progress[Rows: Sized](self, chunks: Iterator[Rows], file: "Input") -> Iterator[Rows]:
        """Pass on the chunks of a file and report how far it is read; then check that it did not change."""
        records = 0

        def report(chunk: Rows) -> Rows:
            nonlocal records
            records += len(chunk)
            self.progress(file.position, file.size, records)
            return chunk

        yield from map(report, chunks)  # unlike a loop variable, `map` keeps no chunk alive
        file.check_unchanged()
