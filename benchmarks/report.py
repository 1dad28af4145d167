"""BENCHMARKS.md: the results in words and tables."""

from collections.abc import Callable, Iterable, Sequence

from competitors import BY_LINES, ON_POSTGRES, Competitor
from datasets import LINE_BYTES, ORDER_BYTES, name_lines, name_orders
from formatting import format_megabytes as in_megabytes
from formatting import format_seconds, format_table
from order_competitors import BY_ORDERS, ORDERS_ON_POSTGRES
from results import BenchResults, Measure, get_megabytes, get_seconds, summarize
from sizes import FULL, Sizes
from targets import Outcome, evaluate_targets

INTRODUCTION = """
# Benchmarks

The pipeline compared with other programs that load a text file into SQLite or PostgreSQL.
All were measured in one session on one machine.
`nox -s bench` writes this page, its tables and its plots.
`nox -s bench -- quick` does the same with smaller data in a few minutes, and prints the result instead.
Each run is a process of its own in an empty folder, and programs that are compared run in turn (A B A B …).
After each run the rows in its database are counted; a wrong count ends the bench.
A figure is the median of all runs, with the least and the most in brackets.
Peak memory is that of the largest process of a run; less than 5.5 MB cannot be measured.
One MB is 1,000,000 bytes.
"""

REDUCED = "**These are the reduced sizes; the targets are for the full ones.**"

TARGETS = """
## Targets

The ratio is our median divided by that of the other program.
The target must hold; the moonshot is what we hoped for.
Progress costs less time than two runs of the same program differ by.
`benchmarks/progress_cost.py` measures it by processor time.
"""

LINES = f"""
Whole processes, from start to end, on files of {LINE_BYTES} bytes a line on average.
Their text is English; one line in eight has a word of another language, one in eight quotes or backslashes.
The last number in the brackets is the number of runs.
"""

ORDERS = f"""
Whole processes, from start to end, on CSV files of orders with {ORDER_BYTES} bytes a row on average.
Seven columns: an integer, a name, an amount, a quantity, a time, a note and a boolean.
A quarter of the quantities, notes and booleans is empty.
Names and notes have quotes, commas and, in one row of eight, a line break within quotes.
"""


def render_report(results: BenchResults, sizes: Sizes, plots: str) -> str:
    """Return the whole page; its plots are in the folder `plots`."""
    parts = [
        INTRODUCTION,
        "" if sizes is FULL else REDUCED,
        TARGETS,
        render_targets(results, sizes),
        "## Time by lines",
        LINES,
        render_by_lines(results, sizes, get_seconds, format_seconds),
        f"![Time against the number of lines, one curve for each program]({plots}/time.svg)",
        "## Peak memory by lines",
        render_by_lines(results, sizes, get_megabytes, in_megabytes),
        f"![Peak memory against the number of lines, one curve for each program]({plots}/memory.svg)",
        "## What each program does with lines",
        describe([*find_competitors(results, BY_LINES), *ON_POSTGRES]),
        "## Time of typed rows",
        ORDERS,
        render_by_orders(results, sizes, get_seconds, format_seconds),
        f"![Time against the number of rows, one curve for each program]({plots}/orders.svg)",
        "## Peak memory of typed rows",
        render_by_orders(results, sizes, get_megabytes, in_megabytes),
        "## What each program does with typed rows",
        describe([*find_competitors(results, BY_ORDERS), *ORDERS_ON_POSTGRES]),
        "Each script is in [benchmarks/peers](benchmarks/peers) and can be run alone.",
        "## Machine and versions",
        render_facts(results),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def render_targets(results: BenchResults, sizes: Sizes) -> str:
    """Return the table of targets."""
    head = ["what", "ours", "the other", "ratio", "target", "moonshot", "met?"]
    return format_table(head, [render_target(outcome) for outcome in evaluate_targets(results, sizes)])


def render_target(outcome: Outcome) -> list[str]:
    """Return a row of the table of targets."""
    target = outcome.target
    limits = [target.limit, target.moonshot]
    if target.other is None or outcome.other is None:
        megabytes_at_most = [f"≤ {limit:g} MB" for limit in limits]
        return [target.what, in_megabytes(outcome.ours), "", "", *megabytes_at_most, outcome.met]
    other = f"{target.other}, {target.other_data}" if target.other_data else target.other
    compared = [
        format_seconds(outcome.ours),
        f"{other}: {format_seconds(outcome.other)}",
        f"{outcome.value:.2f}",
    ]
    return [target.what, *compared, *(f"≤ {limit:g}" for limit in limits), outcome.met]


def render_by_lines(
    results: BenchResults, sizes: Sizes, measure: Measure, format_value: Callable[..., str]
) -> str:
    """Return the table of a measure by competitor and number of lines."""
    return render_by_data(
        results, BY_LINES, [name_lines(length) for length in sizes.lengths], measure, format_value
    )


def render_by_orders(
    results: BenchResults, sizes: Sizes, measure: Measure, format_value: Callable[..., str]
) -> str:
    """Return the table of a measure by competitor and number of orders."""
    return render_by_data(
        results, BY_ORDERS, [name_orders(number) for number in sizes.orders], measure, format_value
    )


def render_by_data(
    results: BenchResults,
    competitors: Sequence[Competitor],
    names: Sequence[str],
    measure: Measure,
    format_value: Callable[..., str],
) -> str:
    """Return the table of a measure by competitor and name of the data."""
    body = []
    for competitor in find_competitors(results, competitors):
        runs = [results.runs.get((competitor.name, name)) for name in names]
        body.append(
            [
                competitor.name,
                *(format_value(summarize(each, measure), runs=True) if each else "" for each in runs),
            ]
        )
    return format_table(["", *names], body)


def find_competitors(results: BenchResults, competitors: Sequence[Competitor]) -> list[Competitor]:
    """Return those of the competitors that were measured."""
    names = {name for name, _ in results.runs}
    return [competitor for competitor in competitors if competitor.name in names]


def describe(competitors: Iterable[Competitor]) -> str:
    """Return a list of what each competitor does."""
    return "\n".join(f"- **{competitor.name}**: {competitor.does}" for competitor in competitors)


def render_facts(results: BenchResults) -> str:
    """Return the table of the machine and the versions."""
    body = [
        ["date", results.date],
        *map(list, results.machine.items()),
        *map(list, results.versions.items()),
    ]
    return format_table(["", ""], body)
