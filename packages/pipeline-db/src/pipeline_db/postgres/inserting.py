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
    # All at once, as most chunks hold nothing to escape. What holds a NUL all the same, the server refuses.
    joined = _BETWEEN.join(contents)
    if any(special in joined for special in _ESCAPED):
        contents = _escaped(joined).split(_BETWEEN)
        if len(contents) != len(numbers):
            contents = [_escaped(record.content) for record in records]
    del joined
    rows = [f"{batch_id}\t{number}\t{content}\n" for number, content in zip(numbers, contents, strict=True)]
    return "".join(rows).encode()


def _escaped(text: str) -> str:
    for special, escaped in _ESCAPED.items():  # the backslash comes first
        text = text.replace(special, escaped)
    return text
