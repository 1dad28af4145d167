"""What must become of each row of a CSV file, worked out without the packages and without the module csv.

Usage: python csv_sums.py FILE DATABASE

It is for files without a header whose columns have the types that most of their values have.
"""

import gzip
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

QUOTE, LF, CR = b'"\n\r'
BOM = b"\xef\xbb\xbf"
MOST = 0.9  # share of the values of a column that have its type

DATE = rb"[12][0-9]{3}-[01][0-9]-[0-3][0-9]"
# A value that matches has the type, in every reading of it, if a date is in the calendar.
TYPES = {
    "int": re.compile(rb"-?(0|[1-9][0-9]{0,8})"),
    "float": re.compile(rb"-?(0|[1-9][0-9]{0,15})(\.[0-9]+)?"),
    "date": re.compile(DATE),
    "datetime": re.compile(DATE + rb"T[01][0-9]:[0-5][0-9]:[0-5][0-9]"),
    "str": re.compile(rb".*", re.DOTALL),
}


class State(Enum):
    """Where in a value the machine is."""

    START = auto()
    UNQUOTED = auto()
    INSIDE = auto()
    """Between two quotes."""
    BEHIND = auto()
    """Behind a quote that closes, or that is the first of two which mean one."""
    WRONG = auto()
    """Behind anything else that follows a closing quote, up to the end of the line."""


class Sign(Enum):
    """What a byte means."""

    QUOTE = auto()
    DELIMITER = auto()
    END = auto()
    OTHER = auto()


# By state and sign: the next state, and whether the byte belongs to the value. A value ends where one starts.
STEPS = {
    State.START: {
        Sign.QUOTE: (State.INSIDE, False),
        Sign.DELIMITER: (State.START, False),
        Sign.END: (State.START, False),
        Sign.OTHER: (State.UNQUOTED, True),
    },
    State.UNQUOTED: {
        Sign.QUOTE: (State.UNQUOTED, True),
        Sign.DELIMITER: (State.START, False),
        Sign.END: (State.START, False),
        Sign.OTHER: (State.UNQUOTED, True),
    },
    State.INSIDE: {
        Sign.QUOTE: (State.BEHIND, False),
        Sign.DELIMITER: (State.INSIDE, True),
        Sign.END: (State.INSIDE, True),
        Sign.OTHER: (State.INSIDE, True),
    },
    State.BEHIND: {
        Sign.QUOTE: (State.INSIDE, True),
        Sign.DELIMITER: (State.START, False),
        Sign.END: (State.START, False),
        Sign.OTHER: (State.WRONG, False),
    },
    State.WRONG: {
        Sign.QUOTE: (State.WRONG, False),
        Sign.DELIMITER: (State.WRONG, False),
        Sign.END: (State.START, False),
        Sign.OTHER: (State.WRONG, False),
    },
}


class RawRow(NamedTuple):
    """A row: the number of its first line, its bytes, and its values; None if its quotes are wrong.

    A line with nothing in it has no values.
    """

    line_number: int
    raw: bytes
    values: Sequence[bytes] | None


class Column(NamedTuple):
    """What the values of a column must be."""

    type: str
    null: bool

    def takes(self, value: bytes) -> bool:
        """Whether a value fits."""
        return has_type(value, self.type) if value else self.null


@dataclass
class Sums:
    """The line numbers of the rows, by what becomes of them; `rejected` has the kind of each reject."""

    read: int = 0
    loaded: set[int] = field(default_factory=set)
    blank: set[int] = field(default_factory=set)
    rejected: dict[int, str] = field(default_factory=dict)


def split_rows(data: bytes, delimiter: int = ord(",")) -> Iterator[RawRow]:
    """Yield the rows. LF, CR and CRLF end a row, unless they are in quotes.

    Raises:
        ValueError: the last quote is not closed.
    """
    signs = {QUOTE: Sign.QUOTE, delimiter: Sign.DELIMITER, LF: Sign.END, CR: Sign.END}
    data = data.removeprefix(BOM)
    state, value, values = State.START, bytearray(), []
    start, line, first = 0, 1, 1
    for place, byte in enumerate(data):
        line += byte == LF or (byte == CR and data[place + 1 : place + 2] != b"\n")
        if place == start and data[place - 1 : place + 1] == b"\r\n":
            start, first = place + 1, line  # the CR has ended the row
            continue
        before, state, takes = state, *STEPS[state][signs.get(byte, Sign.OTHER)]
        if takes:
            value.append(byte)
        elif state == State.START:
            values += [bytes(value)] if place > start or byte == delimiter else []
            value.clear()
            if byte != delimiter:
                yield RawRow(first, data[start:place], None if before == State.WRONG else values)
                values, start, first = [], place + 1, line
    if state == State.INSIDE:
        raise ValueError(f"the quote of the row at line {first} is not closed")
    if start < len(data):
        yield RawRow(first, data[start:], None if state == State.WRONG else [*values, bytes(value)])


def has_type(value: bytes, name: str) -> bool:
    """Whether a value has the type of this name."""
    if not TYPES[name].fullmatch(value):
        return False
    if name in {"date", "datetime"}:
        try:
            datetime.fromisoformat(value.decode())
        except ValueError:
            return False
    return True


def infer_columns(rows: Sequence[RawRow]) -> list[Column]:
    """Return the columns that most rows have."""
    ((width, _),) = Counter(len(row.values) for row in rows if row.values).most_common(1)
    fitting = [row.values for row in rows if row.values and len(row.values) == width]
    return [infer_column([values[place] for values in fitting]) for place in range(width)]


def infer_column(values: Sequence[bytes]) -> Column:
    """Return the first type that most of the values have which are not empty."""
    filled = [value for value in values if value]
    types = (
        name for name in TYPES if sum(has_type(value, name) for value in filled) >= MOST * max(len(filled), 1)
    )
    return Column(next(types), null=len(filled) < len(values))


def sum_rows(rows: Sequence[RawRow], columns: Sequence[Column]) -> Sums:
    """Return what must become of the rows."""
    sums = Sums(len(rows))
    for row in rows:
        if row.values == [] or (
            not row.raw.decode(errors="replace").strip() and len(row.values or ()) != len(columns)
        ):
            sums.blank.add(row.line_number)
        elif kind := find_fault(row, columns):
            sums.rejected[row.line_number] = kind
        else:
            sums.loaded.add(row.line_number)
    return sums


def find_fault(row: RawRow, columns: Sequence[Column]) -> str | None:
    """Return the kind of reject that a row must become, or None."""
    if b"\0" in row.raw:
        return "nul"
    try:
        row.raw.decode()
    except UnicodeDecodeError:
        return "undecodable"
    if row.values is None or len(row.values) != len(columns):
        return "columns"
    return None if all(map(Column.takes, columns, row.values)) else "type"


def read_file(path: Path) -> bytes:
    """Return the bytes of a file, unpacked."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def read_sums(database: Path, source: str, table: str = "processed_records") -> tuple[Sums, dict[str, int]]:
    """Return what has become of the rows of a source, and the sums that its batch says.

    Args:
        database: file of the pipeline.
        source: URI of the file that was loaded; its only batch is finalized.
        table: that has the rows.
    """
    with closing(sqlite3.connect(database)) as connection:
        ((batch, *numbers),) = connection.execute(
            "SELECT id, read_count, record_count, rejected_count, blank_count, dropped_count "
            "FROM processing_batches WHERE source = ? AND status = 'finalized'",
            (source,),
        )
        loaded = connection.execute(f"SELECT line_number FROM {table} WHERE batch_id = ?", (batch,))
        rejected = connection.execute(
            "SELECT line_number, kind FROM rejected_records WHERE batch_id = ?", (batch,)
        )
        said = dict(zip(("read", "loaded", "rejected", "blank", "dropped"), numbers, strict=True))
        return Sums(said["read"], {number for (number,) in loaded}, set(), dict(rejected.fetchall())), said


def main(file: str, database: str) -> None:
    """Compare a file with what the database has of it."""
    path = Path(file).resolve()
    rows = list(split_rows(read_file(path)))
    expected = sum_rows(rows, infer_columns(rows))
    found, said = read_sums(Path(database), path.as_uri())
    right = {
        "read": expected.read,
        "loaded": len(expected.loaded),
        "rejected": len(expected.rejected),
        "blank": len(expected.blank),
        "dropped": 0,
    }
    if said != right or (found.loaded, found.rejected) != (expected.loaded, expected.rejected):
        sys.exit(
            f"expected {right}, the batch says {said}, its tables have {len(found.loaded)} and "
            f"{len(found.rejected)} rows"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
