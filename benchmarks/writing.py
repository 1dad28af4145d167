"""Figures and tables as a person reads them."""

from collections.abc import Sequence
from itertools import chain

from measured import Figure


def seconds(of: Figure, *, runs: bool = False) -> str:
    """Return times, in milliseconds where they are short; with the number of runs if asked for."""
    unit, scale = ("ms", 1_000) if of.median < 1 else ("s", 1)
    return bracketed(of, unit, scale, runs=runs)


def megabytes(of: Figure, *, runs: bool = False) -> str:
    """Return sizes; with the number of runs if asked for."""
    return bracketed(of, "MB", 1, runs=runs)


def bracketed(of: Figure, unit: str, scale: int, *, runs: bool) -> str:
    """Return a median with the least and the most of it."""
    median, least, most = (short(value * scale) for value in (of.median, of.least, of.most))
    counted = f"; {of.runs}" if runs else ""
    return f"{median} {unit} ({least}-{most}{counted})"


def short(value: float) -> str:
    """Return three digits, or those before the point where they are more."""
    decimals = 2 if value < 10 else 1 if value < 100 else 0  # noqa: PLR2004  # that is where a digit is added
    return f"{value:,.{decimals}f}"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table that is one without Markdown, too."""
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in chain([head], body)
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
