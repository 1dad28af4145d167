"""A store that keeps typed rows in the table of a model."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from peewee import DecimalField, Field

from pipeline_jobs import Finalized, InputError, Loaded, OnDuplicate, Record, Source
from pipeline_jobs.documents.rows import Row, RowChunk, Schema, Sums
from pipeline_jobs.escaping import escape

from .backend import Backend, EncodedRecords, RowTable
from .batch_record import BatchRecord
from .columns import Converter, ValueRefusedError, Values, make_converter, make_default_converter
from .connector import Connector
from .exceptions import DatabaseError
from .loading import Rows, finalize_batch, load_content
from .memory_rows import MemoryRows
from .models import get_table_name
from .row_types import get_stored_type, list_row_fields


class TableStore:
    """Keeps batches of typed rows in the table of a model, each loaded in one transaction with its rejects.

    The table, its indexes and the view ``finalized_<table>`` are created by the first load. Made by
    ``PeeweeStore.into``.

    Args:
        connector: to the database.
        run_id: recorded in the batches that this store loads.
        model: of the table.

    Raises:
        TypeError: `model` is no subclass of `BatchRecord`.
        DatabaseError: ``database.table``: the database cannot hold the values of a field.
    """

    def __init__(self, connector: Connector, run_id: str | None, model: type[BatchRecord]) -> None:
        self.model = _check_model(model)
        self.run_id = run_id
        self._connector = connector
        _check_digits(self.model, connector.backend)

    def check(self) -> None:
        """Make sure that database and table can be used, without creating or changing anything.

        Raises:
            DatabaseError: the database cannot be used; ``database.table``: the table differs from the model,
                and the message has the statements that would mend it.
        """
        self._connector.check([self.model])

    def load(self, source: Source, chunks: Iterable[Sequence[Record]], on_duplicate: OnDuplicate) -> Loaded:  # noqa: ARG002  # of the protocol
        """Refuse lines of text.

        Raises:
            InputError: ``input.columns``.
        """
        text = f"{escape(source.name)}: holds lines of text, and the table {get_table_name(self.model)}"
        raise InputError("input.columns", f"{text} takes typed rows; give job A a record class")

    def get_row_type(self, schema: Schema) -> Any:  # noqa: ANN401  # a type for msgspec
        """Return the type that the content of a row is decoded to; see ``RowStore.get_row_type``.

        Raises:
            InputError: ``input.columns``: the model lacks a column of the rows, or requires one more.
        """
        fields = match_fields(self.model, schema)
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
        encoder = _RowEncoder(self.model, schema, source)
        backend = self._connector.backend

        def encode(batch_id: int, rows: Sequence[Row[Any]]) -> list[EncodedRecords]:
            numbers, columns = encoder.encode(rows)
            return [backend.encode_rows(encoder.table, batch_id, numbers, columns)]

        rows = Rows(backend, encoder.table.name, schema, sums, encode)
        return load_content(
            self._connector, rows, source, iter(chunks), on_duplicate, self.run_id, [self.model]
        )

    def make_chunks(self, data: object) -> tuple[Schema, Sums, Iterator[RowChunk]]:
        """Return what `load_rows` needs to load data in memory: dicts, or instances of a record class.

        Rows are numbered by position, from 1.

        Raises:
            InputError: ``input.shape``: it is no list of such rows; ``input.columns``, as `get_row_type`.
                The iterator raises ``input.row`` for a value that does not fit.
        """
        rows = MemoryRows(data, self.model)
        return rows.schema, rows.sums, rows.make_chunks(self.get_row_type(rows.schema))

    def finalize(self, batch_id: int) -> Finalized:
        """Mark a batch as complete; see ``BatchStore.finalize``."""
        return finalize_batch(self._connector, batch_id)


def _check_model(model: object) -> type[BatchRecord]:
    if isinstance(model, type) and issubclass(model, BatchRecord) and model is not BatchRecord:
        return model
    raise TypeError(f"expected a subclass of BatchRecord, not {model!r}")


def _check_digits(model: type[BatchRecord], backend: Backend) -> None:
    most = backend.max_digits
    for field in list_row_fields(model):
        if isinstance(field, DecimalField) and most and field.max_digits > most:
            text = f"{model.__name__}.{field.name}, which has {field.max_digits} digits"
            hint = f"use max_digits={most}, a TextField, or PostgreSQL"
            raise DatabaseError("database.table", f"{backend.where}: would round {text}; {hint}")


class _Default(NamedTuple):
    """A column that the rows lack, and that the model has a default for."""

    field: Field
    convert: Converter


class _RowEncoder:
    """Makes columns of rows: checks their values, and adds the model's defaults.

    Raises:
        InputError: ``input.columns``, as `match_fields`.
    """

    def __init__(self, model: type[BatchRecord], schema: Schema, source: Source) -> None:
        fields = match_fields(model, schema)
        self._where = escape(source.name)
        self._names = schema.columns
        self._converters = list(map(make_converter, fields))
        self._defaults = [
            _Default(field, make_default_converter(field))
            for field in list_row_fields(model)
            if field not in set(fields) and field.default is not None
        ]
        columns = [field.column_name for field in [*fields, *(default.field for default in self._defaults)]]
        self.table = RowTable(get_table_name(model), tuple(columns))

    def encode(self, rows: Sequence[Row[Any]]) -> tuple[list[int], list[Values]]:
        """Return the line numbers of rows, and the values of each column.

        Raises:
            InputError: ``input.row``: a value does not fit into its column.
        """
        numbers = [row.line_number for row in rows]
        columns: list[Values] = list(zip(*[row.content for row in rows], strict=True))
        for index, (name, convert) in enumerate(zip(self._names, self._converters, strict=True)):
            if convert:
                columns[index] = self._convert(convert, columns[index], name, numbers)
        for field, convert in self._defaults:
            make = field.default
            values = [make() for _ in rows] if callable(make) else [make] * len(rows)
            columns.append(self._convert(convert, values, field.name, numbers))
        return numbers, columns

    def _convert(self, convert: Converter, values: Values, name: str, numbers: list[int]) -> Values:
        try:
            return convert(values)
        except ValueRefusedError as error:
            text = f"{self._where}: line {numbers[error.index]}, {escape(name)}: {error.reason}"
            raise InputError("input.row", text) from None


def match_fields(model: type[BatchRecord], schema: Schema) -> list[Field]:
    """Return the field of each column of rows, by its name or that of its column.

    Raises:
        InputError: ``input.columns``: the model lacks a column, or has a required field that the rows lack.
    """
    fields = list_row_fields(model)
    known = {field.column_name: field for field in fields} | {field.name: field for field in fields}
    if not schema.columns:
        text = f"the rows of {schema.name} have no columns; give job A a record class"
        raise InputError("input.columns", text)
    if unknown := [name for name in schema.columns if name not in known]:
        text = f"{model.__name__} has no field for the column {escape(unknown[0])} of {schema.name}"
        raise InputError("input.columns", f"{text}; add one to the model, or take it out of the record class")
    found = [known[name] for name in schema.columns]
    if len(set(found)) < len(found):
        raise InputError(
            "input.columns", f"two columns of {schema.name} are for one field of {model.__name__}"
        )
    missing = [field.name for field in fields if field not in set(found) and _is_required(field)]
    if missing:
        text = f"{schema.name} has no column {missing[0]!r}, which {model.__name__} requires"
        raise InputError("input.columns", f"{text}; add it to the record class, or give the field a default")
    return found


def _is_required(field: Field) -> bool:
    constraints = [str(getattr(each, "sql", "")).lstrip().upper() for each in field.constraints or ()]
    has_default = field.default is not None or any(each.startswith("DEFAULT") for each in constraints)
    return not field.null and not has_default
