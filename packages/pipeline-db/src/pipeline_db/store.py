"""The store: batches in a SQLite file or a PostgreSQL schema, for the jobs' `BatchStore` protocol."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peewee import Database, Model

from pipeline_jobs import BatchId, Finalized, Loaded, OnDuplicate, Record, Source

from .backend import Backend, EncodedRecords, MissingDatabaseError
from .batch_content import LINES, Lines
from .connector import Connector
from .database_url import DatabaseUrl, is_url
from .loading import build_not_found_error, finalize_batch, load_content
from .models import Batch, ProcessedRecord, ProcessingBatch, RejectedRecord, RejectedRow
from .postgres import check_driver
from .queries import FIND_BATCH, FIND_BATCHES, READ_BATCH, READ_RECORDS, READ_REJECTS, Statement
from .sqlite.backend import SqliteBackend

if TYPE_CHECKING:
    from pipeline_jobs.documents.rows import Row, RowChunk, Schema, Sums

    from .table_store import AnyTarget, TableStore

_MODELS = [ProcessingBatch, ProcessedRecord, RejectedRecord]
_TIME = ProcessingBatch.created_at
_PAGE = 10_000  # records read at a time

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's lock, by default."""


class PeeweeStore:
    """Keeps batches in a SQLite file or on a PostgreSQL server, each loaded in one transaction.

    Each call opens and closes its own connection in the calling thread, so a store can be shared by threads
    and sent to other processes.

    Args:
        place: a file, created by the first load, or the URL of a PostgreSQL database.
        busy_timeout: seconds to wait for locks of other processes, in total.
        run_id: recorded in the batches that this store loads.
        write_lock: a lock file. Writers with the same file queue for it before the timeout begins, so that
            none of them sees another's database lock.
        adopt: whether to use a file or a schema that has tables of another program, as `adopt` does.

    Raises:
        ValueError: the URL is invalid.
        DatabaseError: ``database.no_driver``: `place` is a URL, and psycopg is not installed.
    """

    def __init__(
        self,
        place: Path | str | DatabaseUrl,
        *,
        busy_timeout: float = BUSY_TIMEOUT,
        run_id: str | None = None,
        write_lock: Path | None = None,
        adopt: bool = False,
    ) -> None:
        if isinstance(place, str) and is_url(place):
            place = DatabaseUrl(place)
        self.place = place if isinstance(place, DatabaseUrl) else Path(place).absolute()
        self.path = self.place if isinstance(self.place, Path) else None
        self.busy_timeout = busy_timeout
        self.run_id = run_id
        self.write_lock = write_lock
        self._is_checked = False
        self._tables: dict[AnyTarget, TableStore] = {}
        self._backend = _select_backend(self.place, adopt=adopt)
        self._connector = Connector(self._backend, busy_timeout, write_lock)

    def __getstate__(self) -> dict[str, object]:
        """Leave out the stores of tables: a model may be of a class that cannot be pickled."""
        return {**self.__dict__, "_tables": {}}

    def check(self) -> None:
        """Make sure that the database can be used, without creating or changing anything.

        Raises:
            DatabaseError: it cannot be used, or belongs to another program.
        """
        self._connector.check()
        self._is_checked = True

    def adopt(self) -> None:
        """Create our tables beside those of another program, which do not change.

        From then on, the file or the schema is used by any store. A SQLite file keeps its journal mode,
        `application_id` and `user_version`. What is ours already stays as it is.

        Raises:
            DatabaseError: the database cannot be used, or a name of our tables is taken.
        """
        backend = _select_backend(self.place, adopt=True)
        with Connector(backend, self.busy_timeout, self.write_lock).open_transaction("", create=True):
            """Opening it is enough."""

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:
        """Load all chunks as one batch; see ``BatchStore.load``.

        Raises:
            BatchError: ``batch.duplicate``: `on_duplicate` is ``error``, and the records are loaded already.
            DatabaseError: the database cannot be used.
        """
        content = Lines(self._backend)
        return load_content(self._connector, content, source, iter(chunks), on_duplicate, self.run_id)

    def get_row_type(self, schema: "Schema") -> Any:  # noqa: ANN401  # whatever msgspec can decode to
        """Return the type that the content of a row is decoded to; see ``RowStore.get_row_type``."""
        from .row_content import get_raw_row_type  # noqa: PLC0415  # lines of text need none of it

        return get_raw_row_type(schema)

    def load_rows(
        self,
        source: Source,
        schema: "Schema",
        sums: "Sums",
        chunks: "Iterable[RowChunk]",
        on_duplicate: OnDuplicate,
    ) -> Loaded:
        """Load rows as JSON objects into ``processed_records.content``, and rejects; see ``RowStore``.

        Raises:
            BatchError: ``batch.duplicate``: `on_duplicate` is ``error``, and the rows are loaded already.
            DatabaseError: the database cannot be used.
        """
        from .batch_content import Rows  # noqa: PLC0415  # as above
        from .row_content import ObjectWriter  # noqa: PLC0415  # as above

        writer, backend = ObjectWriter(schema), self._backend

        def encode(batch_id: int, rows: "Sequence[Row[Any]]") -> list[EncodedRecords]:
            return [backend.encode_records(batch_id, writer.make_records(rows))]

        content = Rows(backend, LINES, schema, sums, encode)
        return load_content(self._connector, content, source, iter(chunks), on_duplicate, self.run_id)

    def into(self, target: "AnyTarget") -> "TableStore":
        """Return a store for jobs B and C that keeps typed rows in the table of a model, or of a `Target`.

        If this store was checked, as that of a run is, the table is checked too, the first time.

        Raises:
            TypeError: `target` is neither.
            DatabaseError: ``database.table``: the table differs from the model, or the database cannot hold
                the values of a field.
        """
        from .table_store import TableStore  # noqa: PLC0415  # as above

        if target not in self._tables:
            table = TableStore(self._connector, self.run_id, target)
            if self._is_checked:
                table.check()
            self._tables[target] = table
        return self._tables[target]

    def finalize(self, batch_id: int) -> Finalized:
        """Mark a batch as complete; see ``BatchStore.finalize``.

        Raises:
            BatchError: ``batch.not_found``, or ``batch.count_mismatch`` when records or rejects are missing.
            DatabaseError: the database cannot be used.
        """
        return finalize_batch(self._connector, batch_id)

    def batches(self) -> list[Batch]:
        """Return all batches, the oldest first; none if there is no database yet.

        Raises:
            DatabaseError: the database cannot be used.
        """
        try:
            with self._connector.open_reader() as fetch_rows:
                return [_parse_batch(row) for row in fetch_rows(FIND_BATCHES)]
        except MissingDatabaseError:
            return []

    def batch(self, batch_id: int) -> Batch:
        """Return a batch.

        Raises:
            BatchError: ``batch.not_found``.
            DatabaseError: the database cannot be used.
        """
        try:
            with self._connector.open_reader() as fetch_rows:
                rows = fetch_rows(READ_BATCH, id=batch_id)
        except MissingDatabaseError:
            rows = []
        if not rows:
            raise build_not_found_error(batch_id, self._backend.where)
        return _parse_batch(rows[0])

    def records(self, batch_id: int) -> Iterator[Record]:
        """Yield the records of a batch in the order of their lines, 10,000 of them in memory at a time.

        Those of typed rows are JSON objects. What is in a table of its own is read with its model.
        No lock is held while the caller works on them.

        Raises:
            BatchError: ``batch.not_found``.
            DatabaseError: the database cannot be used.
        """
        return starmap(Record, self._read(READ_RECORDS, batch_id))

    def rejects(self, batch_id: int) -> Iterator[RejectedRow]:
        """Yield the rejected rows of a batch in the order of their lines, as `records` does.

        Raises:
            BatchError: ``batch.not_found``.
            DatabaseError: the database cannot be used.
        """
        return starmap(RejectedRow, self._read(READ_REJECTS, batch_id))

    def _read(self, statement: Statement, batch_id: int) -> Iterator[tuple[Any, ...]]:
        """Yield what belongs to a batch, page by page; the first column is the line number."""
        try:
            with self._connector.open_reader() as fetch_rows:
                is_missing, after = not fetch_rows(FIND_BATCH, id=batch_id), 0
                while rows := fetch_rows(statement, id=batch_id, after=after, limit=_PAGE):
                    yield from rows
                    after, *_ = rows[-1]
        except MissingDatabaseError:
            is_missing = True
        if is_missing:
            raise build_not_found_error(batch_id, self._backend.where)

    @contextmanager
    def database(self, *models: type[Model]) -> Iterator[Database]:
        """Open the database for queries of one's own with Peewee; the tables are made if they are missing.

        Within the block, our models, such as `ProcessingBatch`, are bound to it, and so are `models`, such as
        the one of `into`. Peewee binds them for all threads, so threads that use different stores call
        ``query.execute(database)``. Errors of queries are Peewee's own.

        Raises:
            DatabaseError: the database cannot be used.
        """
        with self._connector.queue():
            database = self._backend.make_peewee_database(self.busy_timeout)
        with database.connection_context(), database.bind_ctx([*_MODELS, *models]):
            yield database


def _select_backend(place: Path | DatabaseUrl, *, adopt: bool) -> Backend:
    if isinstance(place, Path):
        return SqliteBackend(place, adopt=adopt)
    check_driver(place)
    from .postgres.backend import PostgresBackend  # noqa: PLC0415  # psycopg takes 0.2 s to import

    return PostgresBackend(place, adopt=adopt)


def _parse_batch(row: tuple[Any, ...]) -> Batch:
    """Return a row of `FIND_BATCHES` as a batch."""
    values = dict(zip(Batch._fields, row, strict=True))
    times = {name: _TIME.python_value(values[name]) for name in ("created_at", "finalized_at")}
    return Batch(**values | times | {"id": BatchId(values["id"])})
