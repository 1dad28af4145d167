"""Records as a person writes them, in a file of any layout or in memory, made into ours or refused."""

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, pairwise

import msgspec

from .display import shown
from .errors import InputError
from .limits import MAX_RECORD_BYTES, first_too_large, too_large
from .records import MAX_INTEGER, Chunk, Record

CHUNK = 10_000
"""Records in a chunk."""

_SURROGATE = re.compile("[\ud800-\udfff]")

SHAPE = 'expected a list of records, or an object with "records"'
NO_RECORDS = f'{SHAPE}, got an object without a list of "records"'


def records_in(
    batches: Iterable[Sequence[object]], where: str, max_record_bytes: int = MAX_RECORD_BYTES
) -> Iterator[Chunk]:
    """Yield the records that the elements of the batches stand for, strings or objects.

    Line numbers default to the position.

    Raises:
        InputError: ``input.shape``, ``input.nul``, ``input.surrogate``, ``input.record_size`` or
            ``input.repeated_line``.
    """
    numbers = _LineNumbers()
    before = 0
    for batch in batches:
        records = _plain_records(batch, before) or [
            _record(element, position, where) for position, element in enumerate(batch, before + 1)
        ]
        numbers.add([record.line_number for record in records])
        try:
            chunk = Chunk(records)
        except UnicodeEncodeError as error:
            bad = next(n for n, record in enumerate(records, before + 1) if _SURROGATE.search(record.content))
            text = f"{where}, record {bad}: a lone surrogate is no text"
            raise InputError("input.surrogate", text) from error
        check_sizes(chunk, before, where, max_record_bytes)
        before += len(records)
        yield chunk
    if (again := numbers.repeated()) is not None:
        raise InputError("input.repeated_line", f"{where}: line number {again} is given twice")


def split(data: object, where: str) -> tuple[Mapping[str, object], list[object]]:
    """Split data in memory into what stands beside the records, and the records.

    Raises:
        InputError: ``input.shape``.
    """
    match data:
        case list():
            return {}, data
        case {"records": list() as elements, **beside}:
            return {str(key): value for key, value in beside.items()}, elements
        case dict():
            raise InputError("input.shape", f"{where}: {NO_RECORDS}")
        case _:
            raise InputError("input.shape", f"{where}: {SHAPE}, got {_kind(data)}")


def check_sizes(chunk: Chunk, before: int, where: str, max_record_bytes: int) -> None:
    """Make sure that no record of a chunk, which `before` others came before, is too large.

    Raises:
        InputError: ``input.record_size``.
    """
    contents = (record.content for record in chunk)
    if (large := first_too_large(contents, len(chunk.canonical), max_record_bytes)) is not None:
        raise too_large(f"{where}, record {before + large + 1}", max_record_bytes)


def _plain_records(elements: Sequence[object], before: int) -> list[Record] | None:
    """Return the records of elements of one plain type without a fault, in a tenth of the time; else None."""
    kinds = set(map(type, elements))
    if kinds == {str}:
        records = list(map(Record, count(before + 1), elements))  # type: ignore[arg-type]  # they are strings
    elif kinds == {dict}:
        try:
            records = msgspec.convert(elements, list[Record])
        except (msgspec.ValidationError, UnicodeEncodeError):  # the latter of a key with a lone surrogate
            return None
    else:
        return None
    contents = [record.content for record in records]
    return records if set(map(type, contents)) == {str} and "\0" not in "".join(contents) else None


def _record(element: object, position: int, where: str) -> Record:
    where = f"{where}, record {position}"
    number: object = position
    match element:
        case str(content):
            pass
        case {"content": str(content), **rest}:
            number = rest.pop("line_number", position)
            if rest:
                raise InputError("input.shape", f"{where}: unknown key {shown(repr(next(iter(rest))))[:40]}")
        case dict():
            kind = _kind(element.get("content"))
            raise InputError("input.shape", f'{where}: expected a string as "content", got {kind}')
        case _:
            kind = _kind(element)
            raise InputError(
                "input.shape", f'{where}: expected a string or an object with "content", got {kind}'
            )
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_INTEGER:
        raise InputError("input.shape", f"{where}: a line number is a whole number between 1 and 2^63 - 1")
    if "\0" in content:
        raise InputError("input.nul", f"{where}: a NUL character is no text")
    # What only derives from them, such as a member of an Enum, has no canonical form.
    return Record(int(number), str.__str__(content))


class _LineNumbers:
    """Line numbers kept as runs of successive ones: 16 bytes for each gap, not for each record."""

    def __init__(self) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        self._ordered = True

    def add(self, numbers: list[int]) -> None:
        first = numbers[0]
        if numbers == list(range(first, first + len(numbers))):
            self._add(first, numbers[-1])
        else:
            for number in numbers:
                self._add(number, number)

    def _add(self, first: int, last: int) -> None:
        if self._lasts and first == self._lasts[-1] + 1:
            self._lasts[-1] = last
            return
        self._ordered = self._ordered and (not self._lasts or first > self._lasts[-1])
        self._firsts.append(first)
        self._lasts.append(last)

    def repeated(self) -> int | None:
        """Return a number that was added twice, if there is one."""
        if self._ordered:
            return None
        runs = sorted(zip(self._firsts, self._lasts, strict=True))
        return next((other[0] for one, other in pairwise(runs) if other[0] <= one[1]), None)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "nothing"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
