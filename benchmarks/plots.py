"""Two plots, time and peak memory against lines, that can be read on a light page and on a dark one.

Usage: python plots.py MEASURED FOLDER, where MEASURED is the file that a bench has kept
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from contestants import BY_LINES, OURS_LOCAL
from data import lines_name
from ink import GRID, INK, PALETTE, for_both_pages
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from measured import Measure, Measured, figure, megabytes, whole
from sizes import FULL, QUICK

SIZE = (8, 5)  # inches
SETTINGS = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "benchmarks",  # the same file from the same figures
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
ROOM = 0.055  # between two labels, of the height of the plot


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a contestant, by lines."""

    name: str
    colour: str
    points: Mapping[int, float]

    @property
    def end(self) -> tuple[int, float]:
        """The point with most lines."""
        return max(self.points.items())


def main(measured: str, folder: str) -> None:
    """Draw both plots from the runs of a bench."""
    runs = Measured.load(Path(measured))
    mpl.rcParams.update(SETTINGS)
    Path(folder).mkdir(parents=True, exist_ok=True)
    plot(
        curves(runs, whole),
        "Time to load a file of so many lines",
        lambda value: f"{value:g} s",
        Path(folder, "time.svg"),
    )
    plot(
        curves(runs, megabytes),
        "Peak memory while loading a file of so many lines",
        lambda value: f"{value:g} MB",
        Path(folder, "memory.svg"),
    )


def curves(measured: Measured, measure: Measure) -> list[Curve]:
    """Return the curves of all that were asked to load files of several lengths, ours first."""
    lengths = sorted({*FULL.lengths, *QUICK.lengths})
    found = []
    for contestant, colour in zip(BY_LINES, PALETTE, strict=False):
        runs = {length: measured.runs.get((contestant.name, lines_name(length))) for length in lengths}
        points = {length: figure(each, measure).median for length, each in runs.items() if each}
        found.append(Curve(contestant.name, colour, points))
    return [curve for curve in found if curve.points]


def plot(drawn: list[Curve], title: str, said: Callable[[float], str], path: Path) -> None:
    """Draw curves on logarithmic axes, each with its name at its end."""
    drawing, axes = plt.subplots(figsize=SIZE)
    axes.set(xscale="log", yscale="log", xlabel="lines")
    axes.set_title(title, loc="left", weight="bold", pad=14)
    for curve in drawn:
        ours = curve.name == OURS_LOCAL.name
        style = {"linewidth": 3.2, "zorder": 3} if ours else {"linewidth": 1.6}
        axes.plot(
            *zip(*curve.points.items(), strict=True), color=curve.colour, marker="o", markersize=4, **style
        )
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: said(value))
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(which="minor", left=False, bottom=False)
    drawing.canvas.draw()  # only now are the limits of the axes known
    label(axes, drawn)
    drawing.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    path.write_text(for_both_pages(path.read_text(encoding="utf-8")), encoding="utf-8")


def label(axes: Axes, drawn: list[Curve]) -> None:
    """Write the names to the right of the plot, from below upwards, none over another."""
    height = axes.transData + axes.transAxes.inverted()
    least = 0.0
    for curve in sorted(drawn, key=lambda curve: height.transform(curve.end)[1]):
        place = max(height.transform(curve.end)[1], least)
        least = place + ROOM
        weight = "bold" if curve.name == OURS_LOCAL.name else "normal"
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
