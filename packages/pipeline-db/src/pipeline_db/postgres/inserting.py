"""Records on their fast way into PostgreSQL: a chunk as CSV for COPY."""

from collections.abc import Sequence

from pipeline_jobs import MAX_INTEGER, Record

_QUOTE = "\x01"  # which hardly any text holds; within quotes, nothing else has a meaning
_END = f"{_QUOTE}\n"
COPY = r"COPY processed_records (batch_id, line_number, content) FROM STDIN (FORMAT csv, QUOTE E'\x01')"


def copied(batch_id: int, records: Sequence[Record]) -> bytes:
    """Return what COPY is fed with for the records of a batch.

    Raises:
        OverflowError: a line number that no column holds.
        UnicodeEncodeError: a lone surrogate.
    """
    largest = max((record.line_number for record in records), default=0)
    if largest > MAX_INTEGER:
        raise OverflowError(f"line number {largest} is too large for a column")
    # Added, not formatted: what is no text is refused.
    rows = [f"{batch_id},{record.line_number},{_QUOTE}" + record.content + _END for record in records]
    text = "".join(rows)
    if text.count(_QUOTE) != 2 * len(rows):
        rows = [f"{batch_id},{record.line_number},{_quoted(record.content)}\n" for record in records]
        text = "".join(rows)
    return text.encode()


def _quoted(content: str) -> str:
    return f"{_QUOTE}{content.replace(_QUOTE, 2 * _QUOTE)}{_QUOTE}"
