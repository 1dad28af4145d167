"""Rejected rows of a batch: a table for a person, JSON for a program."""

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import islice

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline_cli.streams import begin_results, write_result
from pipeline_db import Batch, RejectedRow
from pipeline_jobs.escaping import escape, shorten

_UNLIMITED = 10_000  # columns: a program, or a person with grep, wants each row on one line
_HEAD = ("line", "job", "column", "kind", "reason", "row")
_ROW_LENGTH = 500  # characters of a row in the table


def print_table(batch: Batch, rejects: Iterable[RejectedRow], limit: int) -> None:
    """Print a line for each of the first rejected rows, and at the end how many there are."""
    begin_results()
    rows = list(islice(rejects, limit))
    count, source = batch.rejected_count or 0, escape(batch.source_name)
    if rows:
        is_terminal = sys.stdout.isatty()
        console = Console(width=None if is_terminal else _UNLIMITED, highlight=False)
        with console.capture() as captured:
            console.print(_make_table(rows))
        lines = captured.get().splitlines()
        click.echo("\n".join(lines if is_terminal else map(str.rstrip, lines)))
    of_batch = f"{count:,} rejected {'row' if count == 1 else 'rows'} of batch {batch.id}, {source}"
    is_cut = len(rows) < count
    click.echo(f"{len(rows):,} of {of_batch}; --limit shows more" if is_cut else of_batch)


def print_json(batch: Batch, rejects: Iterable[RejectedRow], limit: int) -> None:
    """Print the first rejected rows as one JSON document."""
    document = {
        "batch": batch.id,
        "source": batch.source_name,
        "rejected": batch.rejected_count or 0,
        "rejects": [each._asdict() for each in islice(rejects, limit)],
    }
    write_result(json.dumps(document, indent=2))


def _make_table(rows: Sequence[RejectedRow]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in _HEAD:
        table.add_column(name, no_wrap=name not in ("reason", "row"), overflow="fold")
    for row in rows:
        cells = (f"{row.line_number}", row.job, row.column or "", row.kind, row.reason)
        # Text objects, because rich would read [code] in a string as markup.
        table.add_row(*(Text(escape(cell)) for cell in cells), Text(shorten(row.raw, _ROW_LENGTH)))
    return table
