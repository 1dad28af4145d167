"""Rows without a record class: their values are taken as the reader yields them."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pipeline_jobs.documents.row_faults import Fault
from pipeline_jobs.documents.rows import RejectKind
from pipeline_jobs.readers.reader import RowBatch

from .record_class import Columns, ParsedRows, RecordClass, is_finite


class _Anything:
    """Stands for the class that there is none of."""


class UntypedRows(RecordClass):
    """Rows of named columns, or, without columns, mappings of any keys.

    Args:
        columns: names of the values of a row; None for mappings.
    """

    row_type = list[Any]

    def __init__(self, columns: Sequence[str] | None) -> None:
        super().__init__(_Anything, [], columns or ())
        self.schema = msgspec.structs.replace(self.schema, name="row")

    def describe(self) -> str:
        """Return the same text for all."""
        return "untyped"

    def parse(self, batch: RowBatch, _columns: Columns) -> ParsedRows:
        """Take the rows as they are, but for numbers that are none, or infinite."""
        faults = {
            index: Fault(RejectKind.RULE, None, "a number that is not finite")
            for index, row in enumerate(batch.values)
            if not is_finite(row)
        }
        return self.sort_out(batch, batch.values, faults)

    def take_contents(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return the rows themselves."""
        return records

    def make_records(self, contents: Sequence[Any]) -> Iterable[Any]:
        """Return the rows by column name."""
        columns = self.schema.columns
        return contents if not columns else [dict(zip(columns, row, strict=True)) for row in contents]
