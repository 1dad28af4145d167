"""Rows on their way into the tables of a target: matched with fields, checked, and taken apart by column."""

from collections.abc import Sequence
from typing import Any

from peewee import Field

from pipeline_jobs import InputError
from pipeline_jobs.documents.rows import Row, Schema
from pipeline_jobs.escaping import escape

from .backend import RowTable
from .batch_record import BatchRecord
from .columns import Converter, ValueRefusedError, Values, make_converter, make_default_converter
from .models import get_table_name
from .row_types import list_row_fields

type Matches = Sequence[Field | None]
"""The field of each column in a model; None for a column that the model lacks."""


class RowEncoder:
    """Takes the columns of rows for one table: checks their values, and adds the model's defaults.

    Args:
        model: of the table.
        schema: of the rows.
        matches: the field of each column.
        where: the source in messages.
    """

    def __init__(self, model: type[BatchRecord], schema: Schema, matches: Matches, where: str) -> None:
        self._where = where
        self._taken = [
            (index, name, make_converter(field))
            for index, (name, field) in enumerate(zip(schema.columns, matches, strict=True))
            if field is not None
        ]
        self._defaults = [
            (field, make_default_converter(field))
            for field in list_row_fields(model)
            if field not in set(matches) and field.default is not None
        ]
        fields = [field for field in matches if field is not None] + [field for field, _ in self._defaults]
        self.table = RowTable(get_table_name(model), tuple(field.column_name for field in fields))

    def encode(self, numbers: Sequence[int], columns: Sequence[Values]) -> list[Values]:
        """Return the values of each column of the table.

        Args:
            numbers: the line number of each row.
            columns: the values of each column of the rows.

        Raises:
            InputError: ``input.row``: a value does not fit into its column.
        """
        taken = [
            self._convert(convert, columns[index], name, numbers) if convert else columns[index]
            for index, name, convert in self._taken
        ]
        for field, convert in self._defaults:
            make = field.default
            values = [make() for _ in numbers] if callable(make) else [make] * len(numbers)
            taken.append(self._convert(convert, values, field.name, numbers))
        return taken

    def _convert(self, convert: Converter, values: Values, name: str, numbers: Sequence[int]) -> Values:
        try:
            return convert(values)
        except ValueRefusedError as error:
            text = f"{self._where}: line {numbers[error.index]}, {escape(name)}: {error.reason}"
            hint = "give the record class this rule too, and such rows are rejects"
            raise InputError("input.row", f"{text}; {hint}") from None


def take_apart(rows: Sequence[Row[Any]]) -> tuple[list[int], list[Values]]:
    """Return the line numbers of rows, and the values of each column."""
    return [row.line_number for row in rows], list(zip(*[row.content for row in rows], strict=True))


def match_columns(models: Sequence[type[BatchRecord]], target: str, schema: Schema) -> list[Matches]:
    """Return the field of each column in each model, by its name or that of its column.

    Raises:
        InputError: ``input.columns``: no model has a column, or one has a required field that the rows lack.
    """
    if not schema.columns:
        text = f"the rows of {schema.name} have no columns; give job A a record class"
        raise InputError("input.columns", text)
    matches = [_match_model(model, schema) for model in models]
    for name, *fields in zip(schema.columns, *matches, strict=True):
        if not any(fields):
            text = f"{target} has no field for the column {escape(name)} of {schema.name}"
            hint = "add one to the model, or take it out of the record class"
            raise InputError("input.columns", f"{text}; {hint}")
    return matches


def _match_model(model: type[BatchRecord], schema: Schema) -> Matches:
    fields = list_row_fields(model)
    known = {field.column_name: field for field in fields} | {field.name: field for field in fields}
    matches = [known.get(name) for name in schema.columns]
    found = [field for field in matches if field is not None]
    if len(set(found)) < len(found):
        text = f"two columns of {schema.name} are for one field of {model.__name__}"
        raise InputError("input.columns", text)
    missing = [field.name for field in fields if field not in set(found) and _is_required(field)]
    if missing:
        text = f"{schema.name} has no column {missing[0]!r}, which {model.__name__} requires"
        raise InputError("input.columns", f"{text}; add it to the record class, or give the field a default")
    return matches


def _is_required(field: Field) -> bool:
    constraints = [str(getattr(each, "sql", "")).lstrip().upper() for each in field.constraints or ()]
    has_default = field.default is not None or any(each.startswith("DEFAULT") for each in constraints)
    return not field.null and not has_default
