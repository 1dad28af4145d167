"""Bulk insert into PostgreSQL: a chunk of records as CSV for COPY."""

import csv
from collections.abc import Sequence
from io import StringIO
from itertools import repeat
from typing import NamedTuple

from pipeline_db.backend import RowTable
from pipeline_db.table_statements import quote_name
from pipeline_jobs import Record
from pipeline_jobs.documents.records import MAX_INTEGER

_QUOTE = "\x01"  # rare in text; inside quotes no other character has a meaning
_ROW_END = f"{_QUOTE}\n"
COPY = r"COPY processed_records (batch_id, line_number, content) FROM STDIN (FORMAT csv, QUOTE E'\x01')"


# After this line the server knows how lines end. In the first one, it counts no line breaks within quotes.
HEADER = b"header\n"


class CopyRows(NamedTuple):
    """Rows for one COPY statement.

    Args:
        statement: the COPY; for a table, `HEADER` comes before its first rows.
        data: the rows.
        table: that the rows go to; None for records, which need no more than their own constraints.
        line_numbers: of the rows in their source.
        extra_lines: the rows with line breaks: their index, and how many there are in that row.
    """

    statement: str
    data: bytes
    table: str | None = None
    line_numbers: Sequence[int] = ()
    extra_lines: Sequence[tuple[int, int]] = ()


def encode_records(batch_id: int, records: Sequence[Record]) -> CopyRows:
    """Encode records of a batch for COPY; see `encode_copy_rows`."""
    return CopyRows(COPY, encode_copy_rows(batch_id, records))


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


def encode_rows(
    table: RowTable, batch_id: int, line_numbers: Sequence[int], columns: Sequence[Sequence[object]]
) -> CopyRows:
    """Encode rows of a batch for COPY into a table."""
    names = ", ".join(map(quote_name, ("batch_id", "line_number", *table.columns)))
    buffer = StringIO()
    # None is an empty field without quotes, and all other values are quoted.
    rows = zip(repeat(batch_id), line_numbers, *map(_encode_column, columns), strict=False)
    csv.writer(buffer, quoting=csv.QUOTE_NOTNULL, lineterminator="\n").writerows(rows)
    text = buffer.getvalue()
    extra: list[tuple[int, int]] = []
    if text.count("\n") != len(line_numbers):
        # Inside of a row a quote is doubled, so this is the start of the next row.
        parts = text[:-1].split(f'\n"{batch_id}","')
        extra = [(index, breaks) for index, part in enumerate(parts) if (breaks := part.count("\n"))]
    statement = f"COPY {quote_name(table.name)} ({names}) FROM STDIN (FORMAT csv, HEADER)"
    return CopyRows(statement, text.encode(), table.name, line_numbers, extra)


def _encode_column(values: Sequence[object]) -> Sequence[object]:
    """Write bytes as PostgreSQL reads them."""
    if bytes not in set(map(type, values)):
        return values
    return [f"\\x{value.hex()}" if isinstance(value, bytes) else value for value in values]


def _quote(content: str) -> str:
    return f"{_QUOTE}{content.replace(_QUOTE, 2 * _QUOTE)}{_QUOTE}"
