"""Why msgspec refuses a row, in words that never quote the data."""

import re
from typing import NamedTuple

import msgspec

from .rows import RejectKind


class Fault(NamedTuple):
    """Why a row does not fit; the reason never quotes the data.

    Args:
        kind: of the reason.
        column: that it is about; None for the row as a whole.
        reason: for a person.
    """

    kind: RejectKind
    column: str | None
    reason: str


class Refusal(NamedTuple):
    """The first row that msgspec refuses of a list, and the reason.

    Args:
        row: index of the first row that does not fit.
        place: of the value in it: the index in a sequence, or the key in a mapping; None for the row itself.
        kind: of the fault.
        reason: for a person; empty if msgspec's words may quote the data.
        is_missing: whether there is no value where one is required.
    """

    row: int
    place: int | str | None
    kind: RejectKind
    reason: str
    is_missing: bool = False


_PLACE = re.compile(
    r" - at `\$\[(?P<row>\d+)\](?:\.content)?(?:\[(?P<index>\d+)\]|\.(?P<key>[^.\[`]+))?[^`]*`$"
)
# Messages of msgspec that name types, limits and formats, but never the data.
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`$")
_TYPE = re.compile(
    r"Expected [\w |]+, got \w+$"
    r"|Invalid (RFC3339 encoded \w+|UUID|decimal string|base64 encoded string|ISO8601 duration)$"
)
_RULE = re.compile(r"Expected [\w |]+ ([<>]=?|of length|matching|that's) .*$", re.DOTALL)


def parse_refusal(error: Exception) -> Refusal | None:
    """Return what an exception says that msgspec raised for a list of rows; None if it says nothing."""
    text = str(error)
    if not (found := _PLACE.search(text)):
        return None
    row, text = int(found["row"]), text[: found.start()]
    place: int | str | None = int(found["index"]) if found["index"] else found["key"]
    if error.__cause__ is not None or not isinstance(error, msgspec.ValidationError):
        return Refusal(row, place, RejectKind.RULE, "")  # a rule in the code of the class
    if missing := _MISSING.match(text):
        return Refusal(row, missing["key"], RejectKind.TYPE, "", is_missing=True)
    text = text.replace("`", "")
    if _RULE.match(text):
        return Refusal(row, place, RejectKind.RULE, text)
    is_missing = text.endswith(", got null")
    return Refusal(row, place, RejectKind.TYPE, text if _TYPE.match(text) else "", is_missing)
