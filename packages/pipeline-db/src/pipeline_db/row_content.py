"""Typed rows without a table of their own: each becomes a JSON object in `processed_records.content`."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pipeline_jobs import Record
from pipeline_jobs.documents.rows import Row, Schema

_encoder = msgspec.json.Encoder()
# A struct, which is faster than a mapping, cannot have such names: msgspec writes them as they are.
_ESCAPED = re.compile(r'[\\"\x00-\x1f]')


def get_raw_row_type(schema: Schema) -> Any:  # noqa: ANN401  # whatever msgspec can decode to
    """Return a type that decodes a row to the JSON of each value, without looking into it."""
    return tuple[(msgspec.Raw,) * len(schema.columns)]  # type: ignore[misc]  # made while the program runs


class ObjectWriter:
    """Makes records of typed rows, whose content is a JSON object with a key for each column."""

    def __init__(self, schema: Schema) -> None:
        self._columns = schema.columns
        self._make_object: Callable[..., object] = self._make_mapping
        if not any(map(_ESCAPED.search, schema.columns)):
            names = [f"c{number}" for number in range(len(schema.columns))]
            self._make_object = msgspec.defstruct(
                "Content",
                [(name, msgspec.Raw) for name in names],
                rename=dict(zip(names, schema.columns, strict=True)),
                gc=False,
            )

    def _make_mapping(self, *values: msgspec.Raw) -> dict[str, msgspec.Raw]:
        return dict(zip(self._columns, values, strict=True))

    def make_records(self, rows: Sequence[Row[tuple[msgspec.Raw, ...]]]) -> list[Record]:
        """Return a record for each row."""
        objects = [self._make_object(*row.content) for row in rows if row.content is not msgspec.UNSET]
        # A raw LF cannot occur in JSON as jobs write it, so each LF is the end of an object.
        text = _encoder.encode_lines(objects).decode()
        return [
            Record(row.line_number, content) for row, content in zip(rows, text.split("\n"), strict=False)
        ]
