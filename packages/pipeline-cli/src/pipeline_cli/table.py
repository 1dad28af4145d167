"""What became of several inputs: a row for each, or where those are too many for a terminal, the sums."""

import sys
from collections import Counter
from collections.abc import Sequence

import click

from pipeline_orchestration import RunResult

from .inputs_progress import records_of

_MOST_ROWS = 50  # on a terminal; where a program or a file takes them, all are wanted
_HEAD = "  batch     records   seconds"


def print_runs(results: Sequence[RunResult]) -> None:
    """Print the rows, failures last, and how many there are of each; an input comes last, of any length."""
    done = [result for result in results if result.success]
    failed = [result for result in results if not result.success]
    shown = done + failed
    if len(results) > _MOST_ROWS and sys.stdout.isatty():
        # Failures are told of on standard error, each with what to do about it.
        shown = []
    if shown:
        click.echo(click.style(_HEAD, bold=True))
    for result in shown:
        click.echo(_row(result))
    counts = f"{len(results):,} inputs: {len(done):,} done, {len(failed):,} failed"
    click.echo(click.style(counts, fg="red" if failed else "green"))
    if not shown:
        _print_sums(done)


def failures_by_code(results: Sequence[RunResult]) -> str:
    """Return how often there is each code, the most frequent first."""
    codes = Counter(str(result.code) for result in results)
    return ", ".join(f"{code} {count:,}" for code, count in codes.most_common())


def _row(result: RunResult) -> str:
    batch = "failed" if not result.success else str(result.batch_id or "")
    records = records_of(result)
    seconds = sum(job.seconds for job in result.jobs)
    again = "  (was there already)" if result.duplicate else ""
    count = "" if records is None else f"{records:,}"
    row = f"{batch:>7}  {count:>10}  {seconds:>8.3f}  {result.input}{again}"
    return row if result.success else click.style(row, fg="red")


def _print_sums(done: Sequence[RunResult]) -> None:
    again = [result for result in done if result.duplicate]
    new = [result for result in done if not result.duplicate]
    for text, group in (("new", new), ("were there already", again)):
        if group:
            records = sum(records_of(result) or 0 for result in group)
            ids = [result.batch_id for result in group if result.batch_id is not None]
            click.echo(f"  {len(group):,} {text}: {records:,} records{_batches(ids)}")


def _batches(ids: Sequence[int]) -> str:
    if not ids:
        return ""
    first, last = min(ids), max(ids)
    return f", batch {first}" if first == last else f", batches {first} to {last}"
