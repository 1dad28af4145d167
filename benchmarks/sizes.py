"""Sizes of a bench: all numbers that make it long or short."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Pace(IntEnum):
    """How often a competitor loads a file: the index of its count in `Sizes.lengths` and `Sizes.orders`."""

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
        name: name of the sizes.
        runs: runs of each comparison with a target.
        starts: runs of each command that only starts and ends.
        lengths: numbers of lines, each with the number of runs for every pace.
        orders: numbers of orders in a CSV file, each with the number of runs for every pace.
        imported: lines of the file for the comparisons with `.import`, psql and without progress.
        inserted: lines of the file for the comparison with sqlite-utils.
        growth: two numbers of lines between which our own times are compared, and two of `orders`; all
            programs that are compared by orders load the first.
        long_lines: lines of four megabytes in one file.
        files: files of a hundred lines in one run.
        records: records in memory for job B.
    """

    name: str
    runs: int
    starts: int
    lengths: Mapping[int, tuple[int, int, int, int, int, int]]
    orders: Mapping[int, tuple[int, int, int, int]]
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
        # 11, because progress may cost only two hundredths.
        10**6: (11, 11, 5, 3, 3, 3),
        10**7: (5, 3, 1, 1, 1, 1),
    },
    orders={
        10**3: (5, 5, 5, 3),
        10**4: (5, 5, 5, 3),
        10**5: (5, 5, 5, 3),
        10**6: (5, 5, 5, 3),
        10**7: (3, 3, 0, 0),
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
    orders={
        10**5: (3, 3, 3, 2),
        10**6: (1, 1, 0, 0),
    },
    imported=10**6,
    inserted=10**5,
    growth=(10**5, 10**6),
    long_lines=10,
    files=200,
    records=100_000,
)
