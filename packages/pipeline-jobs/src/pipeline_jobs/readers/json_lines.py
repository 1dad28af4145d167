"""JSON Lines as rows: an object a line."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import msgspec

from pipeline_jobs.documents.rows import Reject, RejectKind, Row

from .raw_texts import cut_raw, find_fault
from .reader import RowBatch, RowInput
from .text_lines import TextLines

_MAX_DEPTH = 100
_OBJECTS = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class JsonLines:
    """Reads a JSON object from each line that is not blank.

    A line that holds something else is a reject.

    Args:
        unknown: what to do with keys that the record class lacks: ``refuse`` the row, or ``ignore`` them.
    """

    unknown: Literal["refuse", "ignore"] = "refuse"

    def __post_init__(self) -> None:
        """Check the value."""
        if self.unknown not in ("refuse", "ignore"):
            raise ValueError(f"JsonLines: unknown is {self.unknown!r}, expected 'refuse' or 'ignore'")

    def read_batches(self, file: RowInput) -> Iterator[RowBatch]:
        """Yield the objects of a file in batches."""
        text = TextLines(file.where, file.encoding, file.max_record_bytes)
        limit, number = file.max_record_bytes, 0
        for lines in text.split(file.content.blocks):
            batch = RowBatch([], [], is_typed=True)
            raws: list[str] = []
            for line in lines:
                number += 1
                if not line or line.isspace():
                    batch.blank += 1
                    continue
                reject = find_fault(line, limit)
                if reject is None:
                    try:
                        row = _OBJECTS.decode(line)
                        if line.count("[") + line.count("{") > _MAX_DEPTH and _is_deep(row):
                            raise RecursionError  # noqa: TRY301  # as what is deeper still
                    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                        reject = Reject(RejectKind.COLUMNS, None, _explain(error), cut_raw(line, limit))
                    else:
                        batch.values.append(row)
                        batch.numbers.append(number)
                        raws.append(line)
                if reject is not None:
                    batch.rejects.append(Row(number, reject=reject))
            batch.get_raw = partial(_get_raw, raws, limit)
            yield batch


def _get_raw(raws: list[str], limit: int, index: int) -> str:
    return cut_raw(raws[index], limit)


def _is_deep(value: object) -> bool:
    """Return whether a value is nested deeper than the code that works on it recurses."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def _explain(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    if "out of range" in str(error):
        return "a number out of range"
    return "no JSON object" if isinstance(error, msgspec.ValidationError) else "no JSON"
