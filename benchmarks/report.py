"""BENCHMARKS.md: what was measured, in words and tables."""

from collections.abc import Callable

from contestants import BY_LINES, ON_POSTGRES, Contestant
from data import LINE, lines_name
from measured import Measure, Measured, figure, megabytes, whole
from sizes import FULL, Sizes
from targets import Outcome, outcomes
from writing import megabytes as in_megabytes
from writing import seconds, table

INTRODUCTION = """
# Benchmarks

The pipeline beside what else loads a text file into SQLite, all measured in one go on one machine.
All of this page, its tables and its plots, is written by `nox -s bench`.
`nox -s bench -- quick` does the same at reduced size in a few minutes, prints it and leaves this page alone.
Each run is a process of its own in an empty folder, and what is compared is run in turn (A B A B …).
After each run the rows in its database are counted; a wrong count would have ended the bench.
Figures are medians, in brackets the least and the most of all runs.
Peak memory is that of the largest process of a run, and less than 5.5 MB cannot be told.
One MB is 1,000,000 bytes.
"""

REDUCED = "**These are the reduced sizes; the targets are meant for the full ones.**"

TARGETS = """
## Targets

The ratio is our median divided by the other's.
The target is what has to hold, the moonshot what was hoped for.
Progress costs less than two runs of one kind differ by: `benchmarks/progress.py` tells it by processor time.
"""

LINES = f"""
Whole processes, from start to end, on files of {LINE} bytes a line on average.
Their text is English; one line in eight has a word of another language, one in eight quotes or backslashes.
The last number in the brackets is the number of runs.
"""


def report(measured: Measured, sizes: Sizes, plots: str) -> str:
    """Return the whole page, with its plots in the folder `plots`."""
    parts = [
        INTRODUCTION,
        "" if sizes is FULL else REDUCED,
        TARGETS,
        targets(measured, sizes),
        "## Time by lines",
        LINES,
        by_lines(measured, sizes, whole, seconds),
        f"![Time against the number of lines, one curve a contestant]({plots}/time.svg)",
        "## Peak memory by lines",
        by_lines(measured, sizes, megabytes, in_megabytes),
        f"![Peak memory against the number of lines, one curve a contestant]({plots}/memory.svg)",
        "## What each of them does",
        "\n".join(f"- **{one.name}**: {one.does}" for one in [*taking_part(measured), *ON_POSTGRES]),
        "Each is a script that can be run alone, in [benchmarks/peers](benchmarks/peers).",
        "## Machine and versions",
        facts(measured),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def targets(measured: Measured, sizes: Sizes) -> str:
    """Return the table of what has a target."""
    head = ["what", "ours", "the other", "ratio", "target", "moonshot", "met?"]
    return table(head, [cells(outcome) for outcome in outcomes(measured, sizes)])


def cells(outcome: Outcome) -> list[str]:
    """Return a row of that table."""
    target = outcome.target
    limits = [target.limit, target.moonshot]
    if target.other is None or outcome.other is None:
        megabytes_at_most = [f"≤ {limit:g} MB" for limit in limits]
        return [target.what, in_megabytes(outcome.ours), "", "", *megabytes_at_most, outcome.met]
    other = f"{target.other}, {target.other_data}" if target.other_data else target.other
    compared = [seconds(outcome.ours), f"{other}: {seconds(outcome.other)}", f"{outcome.value:.2f}"]
    return [target.what, *compared, *(f"≤ {limit:g}" for limit in limits), outcome.met]


def by_lines(measured: Measured, sizes: Sizes, measure: Measure, said: Callable[..., str]) -> str:
    """Return the table of a measure by contestant and length."""
    names = [lines_name(length) for length in sizes.lengths]
    body = []
    for contestant in taking_part(measured):
        runs = [measured.runs.get((contestant.name, name)) for name in names]
        body.append(
            [contestant.name, *(said(figure(each, measure), runs=True) if each else "" for each in runs)]
        )
    return table(["", *names], body)


def taking_part(measured: Measured) -> list[Contestant]:
    """Return who was asked to load files of several lengths."""
    names = {name for name, _ in measured.runs}
    return [contestant for contestant in BY_LINES if contestant.name in names]


def facts(measured: Measured) -> str:
    """Return the table of what it was measured with."""
    body = [
        ["date", measured.date],
        *map(list, measured.machine.items()),
        *map(list, measured.versions.items()),
    ]
    return table(["", ""], body)
