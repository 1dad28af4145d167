"""The rows of a CSV file of orders: seven columns of all kinds, the same rows every time."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle

COLUMNS = ("id", "customer", "amount", "quantity", "placed_at", "note", "paid")
BAD_EVERY = 100  # rows, of which the last one is bad
EMPTY_EVERY = 4  # values of a column that may be empty, of which one is
LONGEST_CUSTOMER = 100  # characters that the record classes allow
FIRST = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001  # the file has times without a zone

NAMES = ("Ada Byron", "Zoë Ødegård", "Müller & Søn", "O'Neill, Ltd.", 'Bo "the Boss" Li', "東京商事")
PLACES = ("Cork", "Zürich", "Paris, Texas", "Unit 4\nDock Road", "Oslo", "São Paulo", "Ulm", 'The "Hub"')
WORDS = """
leave at the door, please ring "twice" call before you deliver; gift wrap fragile 100% urgent naïve café
paid by card see invoice no. 7 back door only
"""

# Numbers of different values in a column. They have no common divisor, so that the values combine anew.
CUSTOMERS, QUANTITIES, NOTES, PAYMENTS = 9_973, 997, 9_967, 991


def make_orders(number: int, *, bad: bool = False) -> Iterator[Sequence[str]]:
    """Yield the header and this number of rows; with `bad`, one row in a hundred breaks a type or a rule."""
    yield COLUMNS
    rows = zip(
        range(1, number + 1),
        cycle(_make_customers()),
        cycle(_leave_empty(0, [str(1 + number % 99) for number in range(QUANTITIES)])),
        cycle(_leave_empty(1, _make_notes())),
        cycle(_leave_empty(2, [("true", "false")[number % 3 == 0] for number in range(PAYMENTS)])),
        strict=False,
    )
    for order, customer, quantity, note, paid in rows:
        cents = 1 + order * 7_919 % 9_999_999
        placed_at = (FIRST + timedelta(seconds=order * 37)).isoformat()
        row = [
            str(order),
            customer,
            f"{cents // 100}.{cents % 100:02d}",
            quantity,
            placed_at,
            note,
            paid,
        ]
        if bad and order % BAD_EVERY == 0:
            SPOILERS[order // BAD_EVERY % len(SPOILERS)](row)
        yield row


def count_bad(number: int) -> int:
    """Return how many of this number of rows are bad."""
    return number // BAD_EVERY


def _replace(column: str, value: str) -> Callable[[list[str]], None]:
    """Return a function that replaces the value of a column."""
    place = COLUMNS.index(column)

    def spoil(row: list[str]) -> None:
        row[place] = value

    return spoil


# Each makes a row bad in a way of its own: its columns, a missing value, a type or a rule.
SPOILERS: Sequence[Callable[[list[str]], object]] = (
    list.pop,
    lambda row: row.append("more"),
    _replace("id", ""),
    _replace("amount", "a lot"),
    _replace("placed_at", "yesterday"),
    _replace("paid", "perhaps"),
    _replace("quantity", "0"),
    _replace("customer", "x" * (LONGEST_CUSTOMER + 1)),
)


def _make_customers() -> list[str]:
    """Return names with commas, quotes and line breaks among them."""
    return [
        f"{NAMES[number % len(NAMES)]} {number}, {PLACES[number % len(PLACES)]}"
        for number in range(CUSTOMERS)
    ]


def _make_notes() -> list[str]:
    """Return texts of 3 to 12 words; one in eight has a line break."""
    chance = random.Random(1)  # the same texts every time
    words = WORDS.split()
    notes = [chance.choices(words, k=chance.randint(3, 12)) for _ in range(NOTES)]
    return [
        ("\n" if number % 8 == 0 else " ").join([" ".join(note[:2]), " ".join(note[2:])])
        for number, note in enumerate(notes)
    ]


def _leave_empty(first: int, values: Sequence[str]) -> list[str]:
    """Return the values with one in four replaced by nothing, beginning with `first`."""
    return ["" if number % EMPTY_EVERY == first else value for number, value in enumerate(values)]
