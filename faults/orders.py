"""A CSV file of orders, and what must become of it; no code of the packages under test is used.

Some values have line breaks, and some rows are blank or do not fit, in a way that its number decides.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from contents import Counts
from sweep import require

_HEADER = "id,customer,amount,placed_at,note\n"
_TIME = "2026-01-02T03:04:05"


class _Row(NamedTuple):
    """A row of the file: its text, and its values or the kind and column of the reject; neither if blank."""

    text: str
    values: list[object] | None = None
    kind: str | None = None
    column: str | None = None


def _make_row(number: int, note: str) -> _Row:
    """Return a row by its number."""
    match number % 20:
        case 5 | 15:
            return _Row("")
        case 3 | 13:
            return _Row(f"x{number},Grüße,1,{_TIME},{note}", kind="type", column="id")
        case 8:
            return _Row(f"{number},Grüße", kind="columns")
        case 18:
            return _Row(f'{number},"two\nlines",none,{_TIME},', kind="type", column="amount")
        case rest if rest % 3 == 0:
            values = [number, f'Grüße,\n"{number}"', f"{number}.25", _TIME, note or None]
            return _Row(f'{number},"Grüße,\n""{number}""",{number}.25,{_TIME},{note}', values)
        case _:
            return _Row(
                f"{number},Grüße,{number}.25,{_TIME},", [number, "Grüße", f"{number}.25", _TIME, None]
            )


@cache
def _make_rows(count: int, note: str) -> dict[int, _Row]:
    """Return the rows by the numbers of their first lines."""
    rows: dict[int, _Row] = {}
    line = 2
    for number in range(1, count + 1):
        rows[line] = _make_row(number, note)
        line += rows[line].text.count("\n") + 1
    return rows


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders, which the pipeline in `orders_pipeline.py` loads into a table of its own.

    Args:
        count: of the rows.
        note: value of a column in a third of the rows.
    """

    count: int
    note: str = ""

    name = "input.csv"
    options = ("--pipeline", "orders_pipeline:orders")
    table = "orders"
    view = "finalized_orders"
    earlier_text = f"{_HEADER}1,as it was,1,{_TIME},\n"

    @property
    def run_options(self) -> Sequence[str]:
        """Let as many rows be rejected as do not fit."""
        return ("--max-rejects", str(self.counts.rejected))

    @property
    def counts(self) -> Counts:
        """What must become of the rows."""
        rows = _make_rows(self.count, self.note).values()
        loaded = sum(row.values is not None for row in rows)
        rejected = sum(row.kind is not None for row in rows)
        return Counts(loaded, len(rows), rejected, len(rows) - loaded - rejected, 0)

    @property
    def text(self) -> str:
        """The header and the rows."""
        return _HEADER + "".join(f"{row.text}\n" for row in _make_rows(self.count, self.note).values())

    def check_records(self, records: Sequence[dict[str, Any]]) -> None:
        """Check that each row that is not blank is a record or a reject, with a reason in words."""
        rows = _make_rows(self.count, self.note)
        expected = [number for number, row in rows.items() if row.text]
        require([record["line_number"] for record in records] == expected, "rows are missing, or twice there")
        for record in records:
            row = rows[record["line_number"]]
            if row.values is not None:
                wanted: dict[str, Any] = {"content": row.values}
            else:
                reason = record.get("reject", {}).get("reason")
                require(reason and isinstance(reason, str), f"a reject without a reason: {record}")
                wanted = {"kind": row.kind, "column": row.column, "reason": reason, "raw": row.text}
                wanted = {"reject": wanted | {"job": "A"}}
            require(record == {"line_number": record["line_number"]} | wanted, f"{record} is not {wanted}")

    def read_records(self, database: sqlite3.Connection, batch_id: int) -> list[dict[str, Any]]:
        """Read the rows of a batch from its table, and the rejects from theirs."""
        rows = "SELECT line_number, id, customer, amount, placed_at, note FROM orders WHERE batch_id = ?"
        rejects = (
            "SELECT line_number, kind, column_name, reason, raw, job FROM rejected_records WHERE batch_id = ?"
        )
        records: list[dict[str, Any]] = []
        for number, order, customer, amount, placed_at, note in database.execute(rows, [batch_id]):
            content = [order, customer, f"{amount:.2f}", placed_at.replace(" ", "T"), note]
            records.append({"line_number": number, "content": content})
        names = ("kind", "column", "reason", "raw", "job")
        for number, *values in database.execute(rejects, [batch_id]):
            records.append({"line_number": number, "reject": dict(zip(names, values, strict=True))})
        return sorted(records, key=lambda record: record["line_number"])


ORDERS = Orders(40)
LARGE_ORDERS = Orders(11_000, "x" * 500)
"""Several chunks, as `LARGE_LINES`, and several batches of rows."""
