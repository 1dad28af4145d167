"""Typed rows without a table of their own: each becomes a JSON object in `processed_records.content`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline_jobs import Record
from pipeline_jobs.documents.rows import Row, Schema

_encoder = msgspec.json.Encoder()


def get_raw_row_type(schema: Schema) -> Any:  # noqa: ANN401  # whatever msgspec can decode to
    """Return a type that decodes a row to the JSON of each value, without looking into it."""
    return tuple[(msgspec.Raw,) * len(schema.columns)]  # type: ignore[misc]  # made while the program runs


class ObjectWriter:
    """Makes records of typed rows, whose content is a JSON object with a key for each column."""

    def __init__(self, schema: Schema) -> None:
        names = [f"c{number}" for number in range(len(schema.columns))]
        self._object = msgspec.defstruct(
            "Content",
            [(name, msgspec.Raw) for name in names],
            rename=dict(zip(names, schema.columns, strict=True)),
            gc=False,
        )

    def make_records(self, rows: Sequence[Row[tuple[msgspec.Raw, ...]]]) -> list[Record]:
        """Return a record for each row."""
        objects = [self._object(*row.content) for row in rows if row.content is not msgspec.UNSET]
        # A raw LF cannot occur in JSON as jobs write it, so each LF is the end of an object.
        text = _encoder.encode_lines(objects).decode()
        return [
            Record(row.line_number, content) for row, content in zip(rows, text.split("\n"), strict=False)
        ]
