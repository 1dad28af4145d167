"""Bulk insert into PostgreSQL by COPY: a chunk of records as CSV, or of rows as text."""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import msgspec

from pipeline_db.backend import RowTable
from pipeline_db.queries import quote_name
from pipeline_jobs import Record
from pipeline_jobs.documents.records import MAX_INTEGER

_QUOTE = "\x01"  # rare in text; inside quotes no other character has a meaning
_ROW_END = f"{_QUOTE}\n"
COPY = r"COPY processed_records (batch_id, line_number, content) FROM STDIN (FORMAT csv, QUOTE E'\x01')"


class CopyRows(NamedTuple):
    """Rows for one COPY statement.

    Args:
        statement: the COPY.
        data: the rows; those of a table are one line each.
        table: that the rows go to; None for records, which need no more than their own constraints.
        line_numbers: of the rows in their source.
    """

    statement: str
    data: bytes
    table: str | None = None
    line_numbers: Sequence[int] = ()


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
    fields = [repeat(f"{batch_id}"), map(str, line_numbers), *map(_encode_column, columns)]
    text = "\n".join(map("\t".join, zip(*fields, strict=False))) + "\n"
    statement = f"COPY {quote_name(table.name)} ({names}) FROM STDIN"
    return CopyRows(statement, text.encode(), table.name, line_numbers)


def _encode_column(values: Sequence[object]) -> Sequence[str]:
    """Write the values of a column in the text format of COPY, in which a line break is escaped."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= _NUMBERS:
        # A column at once: `str` would take eight times as long for each number.
        return _encoder.encode(values).decode()[1:-1].replace("null", _NULL).split(",")
    if kinds == {str}:
        return _escape_texts(values)  # type: ignore[arg-type]  # all of them are
    return [_NULL if value is None else _escape(_write(value)) for value in values]


def _escape_texts(values: Sequence[str | None]) -> Sequence[str]:
    """Escape texts joined by NUL, which none of them contains."""
    texts = [value for value in values if value is not None]
    escaped = _escape("\0".join(texts)).split("\0")
    if len(escaped) != len(texts):
        escaped = list(map(_escape, texts))  # the server will refuse this
    if len(texts) == len(values):
        return escaped
    following = iter(escaped)
    return [_NULL if value is None else next(following) for value in values]


def _escape(text: str) -> str:
    for character, escaped in _ESCAPES:
        if character in text:
            text = text.replace(character, escaped)
    return text


def _write(value: object) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


_NULL = r"\N"
_ESCAPES = (("\\", r"\\"), ("\n", r"\n"), ("\r", r"\r"), ("\t", r"\t"))  # the backslash first
_NUMBERS = {bool, int, float}
_encoder = msgspec.json.Encoder()


def _quote(content: str) -> str:
    return f"{_QUOTE}{content.replace(_QUOTE, 2 * _QUOTE)}{_QUOTE}"
