"""Sweep of secrets and terminal control sequences in every place a person can put them."""

from collections.abc import Iterable
from itertools import zip_longest
from random import Random

from escape_sequences import make_escape_points
from prefect_servers import get_migrated_home
from secrets_passwords import make_password_points, make_unreachable_points
from sweep import Point, Sweep


def _make_points(size: int | None, random: Random) -> Iterable[Point]:
    """Return points of each kind in turn, so that any number of points has all kinds."""
    kinds = [[*make_password_points()], [*make_escape_points("local")], [*make_escape_points("prefect")]]
    for kind in kinds:
        random.shuffle(kind)
    mixed = [point for points in zip_longest(*kinds) for point in points if point]
    get_migrated_home()
    return [*make_unreachable_points(), *mixed][:size]


CANARY = Sweep(
    name="canary",
    title="passwords in Prefect's settings; control sequences in names, records, options and settings",
    holds="no password and no record is printed, stored or sent; no control sequence reaches the terminal",
    points=_make_points,
    short=24,
    long=None,
)
