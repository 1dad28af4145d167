"""Sweeps: many points, each of which makes one thing go wrong and checks that the promises still hold."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random


class BrokenPromiseError(Exception):
    """A promise does not hold."""


def require(holds: object, *details: object) -> None:
    """Raise unless a promise holds.

    Args:
        holds: true if it does.
        details: what was seen instead, for the error.

    Raises:
        BrokenPromiseError: the promise does not hold.
    """
    if not holds:
        raise BrokenPromiseError(*details)


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that goes wrong in one run.

    Args:
        label: what goes wrong, where and when, precise enough to try the point again.
        attempt: tries the point in an empty folder and returns its outcome in a word, such as the exit code;
            any exception is a fault.
        weight: number of tries that it counts for.
    """

    label: str
    attempt: Callable[[Path], object]
    weight: int = 1


type PointFactory = Callable[[int | None, Random], Iterable[Point]]
"""Makes points; arguments are their number (None: all there are) and the source of chance."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Many points of one kind.

    Args:
        name: one word, for the command line.
        title: what goes wrong, as the table in RELIABILITY.md says it.
        holds: the promise that must hold.
        points: makes the points, the same ones for the same seed.
        short: number of points that checks a change; 0 leaves the sweep out.
        long: number of points for a long run; None for all there are.
        workers: number of processes that share the points; 1 if a single point keeps the machine busy, more
            than 2 if the points only wait.
    """

    name: str
    title: str
    holds: str
    points: PointFactory
    short: int
    long: int | None = None
    workers: int = 2
