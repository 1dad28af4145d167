"""A store that keeps typed rows in the table of a model, or in several."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from peewee import DecimalField

from pipeline_jobs import Finalized, InputError, Loaded, OnDuplicate, Record, Source
from pipeline_jobs.documents.rows import Row, RowChunk, Schema, Sums
from pipeline_jobs.escaping import escape

from .backend import Backend, EncodedRecords
from .batch_content import Rows
from .batch_record import BatchRecord
from .connector import Connector
from .exceptions import DatabaseError
from .loading import finalize_batch, load_content
from .memory_rows import MemoryRows
from .models import get_table_name
from .row_encoder import RowEncoder, match_columns, take_apart
from .row_types import get_stored_type, list_row_fields
from .target import Target, list_models

type AnyTarget = type[BatchRecord | Target]


class TableStore:
    """Keeps batches of typed rows in the table of a model, each loaded in one transaction with its rejects.

    The table, its indexes and the view ``finalized_<table>`` are created by the first load. Made by
    ``PeeweeStore.into``.

    Args:
        connector: to the database.
        run_id: recorded in the batches that this store loads.
        target: the model of the table, or a `Target` of several.

    Raises:
        TypeError: `target` is neither.
        DatabaseError: ``database.table``: the database cannot hold the values of a field.
    """

    def __init__(self, connector: Connector, run_id: str | None, target: AnyTarget) -> None:
        self.models = list_models(target)
        self.target = target
        self.run_id = run_id
        self._tables = "+".join(sorted(map(get_table_name, self.models)))
        self._connector = connector
        for model in self.models:
            _check_digits(model, connector.backend)

    def check(self) -> None:
        """Make sure that database and table can be used, without creating or changing anything.

        Raises:
            DatabaseError: the database cannot be used; ``database.table``: the table differs from the model,
                and the message has the statements that would mend it.
        """
        self._connector.check(self.models)

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:  # noqa: ARG002  # of the protocol
        """Refuse lines of text.

        Raises:
            InputError: ``input.columns``.
        """
        text = f"{escape(source.name)}: holds lines of text, and the table {self._tables}"
        raise InputError("input.columns", f"{text} takes typed rows; give job A a record class")

    def get_row_type(self, schema: Schema) -> Any:  # noqa: ANN401  # a type for msgspec
        """Return the type that the content of a row is decoded to; see ``RowStore.get_row_type``.

        Raises:
            InputError: ``input.columns``: the model lacks a column of the rows, or requires one more.
        """
        matches = match_columns(self.models, self.target.__name__, schema)
        fields = [next(filter(None, each)) for each in zip(*matches, strict=True)]
        return tuple[tuple(map(get_stored_type, fields))]  # type: ignore[misc]  # made while the program runs

    def load_rows(
        self,
        source: Source,
        schema: Schema,
        sums: Sums,
        chunks: Iterable[RowChunk],
        on_duplicate: OnDuplicate,
    ) -> Loaded:
        """Load rows into the table, and rejects; see ``RowStore.load_rows``.

        Raises:
            BatchError: ``batch.duplicate``: `on_duplicate` is ``error``, and the rows are loaded already.
            InputError: ``input.columns`` or ``input.row``: the rows do not fit into the table.
            DatabaseError: the database cannot be used; ``database.constraint``: a row breaks a constraint.
        """
        matches = match_columns(self.models, self.target.__name__, schema)
        where, backend = escape(source.name), self._connector.backend
        encoders = [
            RowEncoder(model, schema, each, where) for model, each in zip(self.models, matches, strict=True)
        ]

        def encode(batch_id: int, rows: Sequence[Row[Any]]) -> list[EncodedRecords]:
            numbers, columns = take_apart(rows)
            return [
                backend.encode_rows(encoder.table, batch_id, numbers, encoder.encode(numbers, columns))
                for encoder in encoders
            ]

        rows = Rows(backend, self._tables, schema, sums, encode)
        return load_content(
            self._connector, rows, source, iter(chunks), on_duplicate, self.run_id, self.models
        )

    def make_chunks(self, data: object) -> tuple[Schema, Sums, Iterator[RowChunk]]:
        """Return what `load_rows` needs to load data in memory: dicts, or instances of a record class.

        Rows are numbered by position, from 1.

        Raises:
            InputError: ``input.shape``: it is no list of such rows; ``input.columns``, as `get_row_type`.
                The iterator raises ``input.row`` for a value that does not fit.
        """
        rows = MemoryRows(data, self.target.__name__, self.models)
        return rows.schema, rows.sums, rows.make_chunks(self.get_row_type(rows.schema))

    def finalize(self, batch_id: int) -> Finalized:
        """Mark a batch as complete; see ``BatchStore.finalize``."""
        return finalize_batch(self._connector, batch_id)


def _check_digits(model: type[BatchRecord], backend: Backend) -> None:
    most = backend.max_digits
    for field in list_row_fields(model):
        if isinstance(field, DecimalField) and most and field.max_digits > most:
            text = f"{model.__name__}.{field.name}, which has {field.max_digits} digits"
            hint = f"use max_digits={most}, a TextField, or PostgreSQL"
            raise DatabaseError("database.table", f"{backend.where}: would round {text}; {hint}")
