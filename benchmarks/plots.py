"""The plots, time and peak memory against lines and time against orders, for light and dark pages.

Usage: python plots.py RESULTS FOLDER, where RESULTS is the file that a bench has kept
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from competitors import BY_LINES, Competitor
from datasets import name_lines, name_orders
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from order_competitors import BY_ORDERS
from plot_theme import GRID, PALETTE, TEXT, apply_theme
from results import BenchResults, Measure, get_megabytes, get_seconds, summarize
from sizes import FULL, QUICK

SIZE = (8, 5)  # inches
SETTINGS = {
    "svg.fonttype": "none",  # keep text as text
    "svg.hashsalt": "benchmarks",  # the same figures give the same file
    "font.size": 11,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
LABEL_DISTANCE = 0.055  # as a share of the height of the plot


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a competitor, by number of lines or orders."""

    name: str
    colour: str
    points: Mapping[int, float]

    @property
    def is_ours(self) -> bool:
        """Whether it is the one to be seen first."""
        return self.colour == PALETTE[0]

    @property
    def end(self) -> tuple[int, float]:
        """The point with the most of them."""
        return max(self.points.items())


def main(results: str, folder: str) -> None:
    """Draw the plots from the results of a bench."""
    runs = BenchResults.load(Path(results))
    mpl.rcParams.update(SETTINGS)
    Path(folder).mkdir(parents=True, exist_ok=True)
    draw_plot(
        make_curves_by_lines(runs, get_seconds),
        "Time to load a file of so many lines",
        "lines",
        lambda value: f"{value:g} s",
        Path(folder, "time.svg"),
    )
    draw_plot(
        make_curves_by_lines(runs, get_megabytes),
        "Peak memory while loading a file of so many lines",
        "lines",
        lambda value: f"{value:g} MB",
        Path(folder, "memory.svg"),
    )
    numbers = sorted({*FULL.orders, *QUICK.orders})
    draw_plot(
        make_curves(runs, get_seconds, BY_ORDERS, {number: name_orders(number) for number in numbers}),
        "Time to load a CSV file of so many typed rows",
        "rows",
        lambda value: f"{value:g} s",
        Path(folder, "orders.svg"),
    )


def make_curves_by_lines(results: BenchResults, measure: Measure) -> list[Curve]:
    """Return the curves of all competitors that loaded files of several lengths, ours first."""
    lengths = sorted({*FULL.lengths, *QUICK.lengths})
    return make_curves(results, measure, BY_LINES, {length: name_lines(length) for length in lengths})


def make_curves(
    results: BenchResults, measure: Measure, competitors: Sequence[Competitor], names: Mapping[int, str]
) -> list[Curve]:
    """Return the curve of each competitor; `names` are those of the data by their number of rows."""
    found = []
    for competitor, colour in zip(competitors, PALETTE, strict=False):
        runs = {number: results.runs.get((competitor.name, name)) for number, name in names.items()}
        points = {number: summarize(each, measure).median for number, each in runs.items() if each}
        found.append(Curve(competitor.name, colour, points))
    return [curve for curve in found if curve.points]


def draw_plot(
    drawn: list[Curve], title: str, unit: str, format_value: Callable[[float], str], path: Path
) -> None:
    """Draw curves on logarithmic axes, each with its name at its end."""
    drawing, axes = plt.subplots(figsize=SIZE)
    axes.set(xscale="log", yscale="log", xlabel=unit)
    axes.set_title(title, loc="left", weight="bold", pad=14)
    for curve in drawn:
        style = {"linewidth": 3.2, "zorder": 3} if curve.is_ours else {"linewidth": 1.6}
        axes.plot(
            *zip(*curve.points.items(), strict=True), color=curve.colour, marker="o", markersize=4, **style
        )
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: format_value(value))
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(which="minor", left=False, bottom=False)
    drawing.canvas.draw()  # the limits of the axes are known after this
    label_curves(axes, drawn)
    drawing.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    path.write_text(apply_theme(path.read_text(encoding="utf-8")), encoding="utf-8")


def label_curves(axes: Axes, drawn: list[Curve]) -> None:
    """Write the names to the right of the plot, from the bottom up, so that they do not overlap."""
    height = axes.transData + axes.transAxes.inverted()
    least = 0.0
    for curve in sorted(drawn, key=lambda curve: height.transform(curve.end)[1]):
        place = max(height.transform(curve.end)[1], least)
        least = place + LABEL_DISTANCE
        weight = "bold" if curve.is_ours else "normal"
        axes.annotate(
            curve.name,
            xy=curve.end,
            xytext=(1.03, place),
            textcoords="axes fraction",
            color=curve.colour,
            weight=weight,
            va="center",
            arrowprops={"arrowstyle": "-", "relpos": (0, 0.5), "color": curve.colour, "linewidth": 0.6},
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
