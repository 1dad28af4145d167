"""What a sweep is: many points, at each of which something goes wrong, and what must hold all the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random


class BrokenError(Exception):
    """A promise does not hold."""


def must(holds: object, said: object) -> None:
    """Make sure of a promise.

    Raises:
        BrokenError: it does not hold; `said` is what was seen instead.
    """
    if not holds:
        raise BrokenError(said)


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that goes wrong.

    Args:
        label: what, where and when, as a person needs it to try the point again.
        attempt: tries it in an empty folder of its own and returns what came of it, in a word, such as
            the exit code; raises `BrokenError`, or anything, for a fault.
        weight: how many tries it counts for.
    """

    label: str
    attempt: Callable[[Path], object]
    weight: int = 1


type Points = Callable[[int | None, Random], Iterable[Point]]
"""Given how many (None: every one there is) and what draws them by chance, returns the points."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Many points of one kind.

    Args:
        name: one word, by which it is asked for.
        title: what goes wrong, as a row of a table has it.
        holds: what must hold.
        points: makes the points, the same ones for the same seed.
        short: how many are enough to check a change; 0 leaves the sweep out.
        long: how many make a proof; None for every one there is.
        workers: how many processes share the points; 1 where a point keeps the machine busy.
    """

    name: str
    title: str
    holds: str
    points: Points
    short: int
    long: int | None = None
    workers: int = 2
