"""Secrets, and what steers a terminal, wherever a person can put them: neither may come out again."""

from collections.abc import Iterable
from itertools import zip_longest
from random import Random

from canary_passwords import nowhere, passwords
from canary_steering import steerings
from prefect_servers import home
from sweep import Point, Sweep


def _points(size: int | None, random: Random) -> Iterable[Point]:
    """Return points of every kind in turn, so that any number has some of each."""
    kinds = [[*passwords()], [*steerings("local")], [*steerings("prefect")]]
    for kind in kinds:
        random.shuffle(kind)
    mixed = [point for points in zip_longest(*kinds) for point in points if point]
    home()
    return [*nowhere(), *mixed][:size]


CANARY = Sweep(
    name="canary",
    title="passwords in settings of Prefect; what steers a terminal, in names, records, options and settings",
    holds="no password and no record is said, stored or sent; nothing steers the terminal",
    points=_points,
    short=24,
    long=None,
)
