"""Records on their fast way into PostgreSQL: a chunk as one COPY, made ready as text."""

from collections.abc import Sequence

from pipeline_jobs import MAX_INTEGER, Record

COPY = "COPY processed_records (batch_id, line_number, content) FROM STDIN"
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BETWEEN = "\0"  # which stands in no record


def copied(batch_id: int, records: Sequence[Record]) -> bytes:
    """Return what COPY is fed with for the records of a batch.

    Raises:
        OverflowError: a line number that no column holds.
        UnicodeEncodeError: a lone surrogate.
    """
    contents = [record.content for record in records]
    numbers = [record.line_number for record in records]
    if max(numbers, default=0) > MAX_INTEGER:
        raise OverflowError(f"line number {max(numbers)} is too large for a column")
    joined = _BETWEEN.join(contents)
    # Looked for in all of them at once: most chunks hold none.
    if any(special in joined for special in _ESCAPED):
        for special, escaped in _ESCAPED.items():
            joined = joined.replace(special, escaped)
        contents = joined.split(_BETWEEN)
    del joined
    rows = [f"{batch_id}\t{number}\t{content}\n" for number, content in zip(numbers, contents, strict=True)]
    return "".join(rows).encode()
