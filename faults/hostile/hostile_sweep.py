"""The sweep `hostile`: people, files and servers that mean harm, each in its own way."""

from collections.abc import Iterable
from itertools import chain, islice
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
    make_lying_server_points,
    make_second_user_points,
    make_shadow_points,
)


def _make_points(size: int | None, chance: Random) -> Iterable[Point]:
    rounds = chain.from_iterable(make(chance) for _ in iter(int, 1) for make in _PARTS)
    return islice(rounds, size)


HOSTILE = Sweep(
    name="hostile",
    title="documents, compressed files, web servers, databases and APIs that are made to do harm, another user of "
    "the machine, and modules with the names of all that is imported in the current folder",
    holds="memory and time are bounded; an error in words; no code of others runs; their data is not loaded",
    points=_make_points,
    short=100,
    long=1000,
)
