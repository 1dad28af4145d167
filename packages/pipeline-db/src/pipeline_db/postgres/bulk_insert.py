"""Bulk insert into PostgreSQL: a chunk of records as CSV for COPY."""

from collections.abc import Sequence

from pipeline_jobs import Record
from pipeline_jobs.documents.records import MAX_INTEGER

_QUOTE = "\x01"  # rare in text; inside quotes no other character has a meaning
_ROW_END = f"{_QUOTE}\n"
COPY = r"COPY processed_records (batch_id, line_number, content) FROM STDIN (FORMAT csv, QUOTE E'\x01')"


def encode_copy_rows(batch_id: int, records: Sequence[Record]) -> bytes:
    """Encode records of a batch as rows for COPY.

    Raises:
        OverflowError: a line number is too large for its column.
        UnicodeEncodeError: a content contains a lone surrogate.
    """
    largest = max((record.line_number for record in records), default=0)
    if largest > MAX_INTEGER:
        raise OverflowError(f"line number {largest} is too large for a column")
    # Added, not formatted: a content that is no text raises an error.
    rows = [f"{batch_id},{record.line_number},{_QUOTE}" + record.content + _ROW_END for record in records]
    text = "".join(rows)
    if text.count(_QUOTE) != 2 * len(rows):
        rows = [f"{batch_id},{record.line_number},{_quote(record.content)}\n" for record in records]
        text = "".join(rows)
    return text.encode()


def _quote(content: str) -> str:
    return f"{_QUOTE}{content.replace(_QUOTE, 2 * _QUOTE)}{_QUOTE}"
