"""The sweep `hostile`: people, files and servers that mean harm, each in its own way."""

from collections.abc import Iterable
from itertools import islice, repeat
from random import Random

from hostile.compressed import make_compressed_points
from hostile.documents import make_document_points
from hostile.lying_servers import make_lying_server_points
from hostile.second_user import make_second_user_points
from hostile.shadow_modules import make_shadow_points
from hostile.web_answers import make_web_points
from sweep import Point, Sweep

_PARTS = (
    make_document_points,
    make_compressed_points,
    make_web_points,
    make_second_user_points,
    make_shadow_points,
    make_lying_server_points,  # the last part: CI takes a third of its 84 points
)


def _make_points(size: int | None, chance: Random) -> Iterable[Point]:
    """Make each point of every part, again and again up to the size; for no size, once."""
    rounds = (point for _ in repeat(None) for make in _PARTS for point in make(chance))
    return islice(rounds, size or sum(len(make(chance)) for make in _PARTS))


HOSTILE = Sweep(
    name="hostile",
    title="documents, compressed files, web servers, databases and APIs that are made to do harm; another "
    "user of the machine; a module in the current folder for each name that is imported",
    holds="memory and time are bounded; an error in words; no code of others runs; their data is not loaded",
    points=_make_points,
    short=100,
    long=1000,
)
