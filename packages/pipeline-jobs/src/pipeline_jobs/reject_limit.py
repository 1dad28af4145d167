"""Limit on the rejected rows of an input: a number of rows, or a percentage of those read."""

import re
import reprlib
from dataclasses import dataclass
from decimal import Decimal

_MAX_COUNT = 2**63 - 1  # what the databases can count
_COUNT = re.compile(r"[0-9]{1,19}")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,15})?)%")
_EXPECTED = f"a number of rows from 0 to {_MAX_COUNT}, or a percentage from 0% to 100%"


@dataclass(frozen=True, slots=True)
class RejectLimit:
    """How many rows of an input may be rejected; one of the two is None.

    Args:
        count: number of rows.
        percent: share of the rows that are not blank, from 0 to 100.
    """

    count: int | None = None
    percent: Decimal | None = None

    def __str__(self) -> str:
        """Return the text that `parse_reject_limit` takes."""
        return str(self.count) if self.percent is None else f"{self.percent:f}%"

    def allows(self, rejected: int, read: int) -> bool:
        """Return whether that many rows may be rejected.

        Args:
            rejected: number of rows.
            read: number of rows that are not blank, rejected ones included.
        """
        if self.percent is None:
            return rejected <= (self.count or 0)
        # In whole numbers, because arithmetic of decimals rounds.
        numerator, denominator = self.percent.as_integer_ratio()
        return rejected * 100 * denominator <= numerator * read


def parse_reject_limit(value: object) -> RejectLimit:
    """Return the limit that a text such as ``50`` or ``1%`` stands for, or an integer; a limit as it is.

    Raises:
        ValueError: `value` is neither a number nor a percentage, or is out of bounds.
    """
    if isinstance(value, RejectLimit):
        return value
    text = str(value)  # True becomes no number
    if _COUNT.fullmatch(text) and int(text) <= _MAX_COUNT:
        return RejectLimit(count=int(text))
    if (match := _PERCENT.fullmatch(text)) and (percent := Decimal(match[1])) <= 100:  # noqa: PLR2004  # all of them
        return RejectLimit(percent=percent)
    raise ValueError(f"expected {_EXPECTED}, got {reprlib.repr(value)}")
