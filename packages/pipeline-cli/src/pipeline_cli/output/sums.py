"""Sums of typed rows, as an equation and as columns of a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they import msgspec, and --help needs none
    from pipeline_jobs.documents.rows import Sums
    from pipeline_orchestration import RunResult

SUM_NAMES = ("read", "loaded", "rejected", "blank", "dropped")
"""The counts, in the order of the columns."""

HEADER = f"  batch{''.join(f'{name:>12}' for name in SUM_NAMES)}   seconds"
"""Head of a table of typed rows."""


def format_sums(sums: "Sums") -> str:
    """Return the sums as an equation, without the parts that are 0."""
    parts = [f"{number:,} {name}" for name, number in zip(SUM_NAMES[1:], sums[1:], strict=True) if number]
    return f"{sums.read:,} read = {' + '.join(parts) or 0}"


def format_columns(sums: "Sums | None") -> str:
    """Return the columns of an input in a table of typed rows; they are empty if it has no sums."""
    numbers = [""] * len(SUM_NAMES) if sums is None else [f"{number:,}" for number in sums]
    return "".join(f"{number:>12}" for number in numbers)


def total(results: Sequence["RunResult"]) -> "Sums | None":
    """Return the sums of all inputs together; None if no input has typed rows."""
    every = [sums for result in results if (sums := result.sums)]
    return type(every[0])(*map(sum, zip(*every, strict=True))) if every else None


def find_rejects(results: Sequence["RunResult"]) -> object:
    """Return the id of the batch with rejected rows, the word ``BATCH`` if several have some, else None."""
    batches = {result.batch_id for result in results if result.sums and result.sums.rejected}
    return batches.pop() if len(batches) == 1 else ("BATCH" if batches else None)
