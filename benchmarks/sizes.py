"""How much is measured and how often: every number that a bench is long or short by."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Pace(IntEnum):
    """How often a contestant can be asked to load a file; the place of its count in `Sizes.lengths`."""

    OURS = 0
    FAST = 1
    MEDIUM = 2
    SLOW = 3
    SLOWEST = 4
    EXTRA = 5


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one bench.

    Args:
        runs: of every comparison that has a target.
        starts: of the commands that end at once.
        lengths: by the number of lines, how often each pace loads a file of them.
        imported: lines of the file that we and `.import` load, and that shows what progress costs.
        inserted: lines of the file that we and sqlite-utils load.
        growth: the two lengths between which our own time is compared.
        long_lines: of four megabytes each, in one file.
        files: in one run, of a hundred lines each.
        records: of which job B is given a dictionary.
    """

    name: str
    runs: int
    starts: int
    lengths: Mapping[int, tuple[int, int, int, int, int, int]]
    imported: int
    inserted: int
    growth: tuple[int, int]
    long_lines: int
    files: int
    records: int


FULL = Sizes(
    name="full",
    runs=5,
    starts=15,
    lengths={
        10**3: (5, 5, 5, 3, 3, 3),
        10**4: (5, 5, 5, 3, 3, 3),
        10**5: (5, 5, 5, 3, 3, 3),
        # 11, because two hundredths are all that progress may cost.
        10**6: (11, 11, 5, 3, 3, 3),
        10**7: (5, 3, 1, 1, 1, 1),
    },
    imported=10**6,
    inserted=10**6,
    growth=(10**6, 10**7),
    long_lines=30,
    files=1_000,
    records=100_000,
)

QUICK = Sizes(
    name="quick",
    runs=3,
    starts=5,
    lengths={
        10**3: (3, 3, 3, 1, 1, 0),
        10**4: (3, 3, 3, 1, 0, 0),
        10**5: (3, 3, 3, 1, 1, 0),
        10**6: (3, 2, 0, 0, 0, 0),
    },
    imported=10**6,
    inserted=10**5,
    growth=(10**5, 10**6),
    long_lines=10,
    files=200,
    records=100_000,
)
