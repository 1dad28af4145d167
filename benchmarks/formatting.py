"""Formatting of figures and tables."""

from collections.abc import Sequence
from itertools import chain

from results import Figure


def format_seconds(of: Figure, *, runs: bool = False) -> str:
    """Format times, short ones in milliseconds; `runs` adds the number of runs."""
    unit, scale = ("ms", 1_000) if of.median < 1 else ("s", 1)
    return format_figure(of, unit, scale, runs=runs)


def format_megabytes(of: Figure, *, runs: bool = False) -> str:
    """Format sizes in megabytes; `runs` adds the number of runs."""
    return format_figure(of, "MB", 1, runs=runs)


def format_figure(of: Figure, unit: str, scale: int, *, runs: bool) -> str:
    """Format a median with the least and the most value."""
    median, least, most = (format_number(value * scale) for value in (of.median, of.least, of.most))
    counted = f"; {of.runs}" if runs else ""
    return f"{median} {unit} ({least}-{most}{counted})"


def format_number(value: float) -> str:
    """Format a number with three digits, or all digits before the point if there are more."""
    decimals = 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004  # the limits at which a digit is added
    return f"{value:,.{decimals}f}"


def format_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table that can be read as plain text, too."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in chain([head], body)
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
