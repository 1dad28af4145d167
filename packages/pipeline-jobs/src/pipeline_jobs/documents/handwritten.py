"""Strict reading of documents that a person or another program wrote: checked as a whole before any use."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched, count
from typing import TYPE_CHECKING

import msgspec

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import InputError
from pipeline_jobs.storage.input import make_changed_error

from .line_numbers import LineNumbers
from .records import MAX_INTEGER, Chunk, Document, Record, RecordsDigest, compare_digest, verify_records
from .size_limits import DEFAULT_MAX_RECORD_BYTES, check_sizes
from .strict_json import JsonStream

if TYPE_CHECKING:
    from pipeline_jobs.storage.input import Input

    from .header import Header

CHUNK = 10_000
"""Records in a chunk."""

_MAX_QUOTED = 40  # characters of a key that an error repeats
_HEADER_KEYS = frozenset({"format", "version", "source", "record_count", "records_sha256"})
"""Those of the model in `header`, which takes half a second to import."""

_SURROGATE = re.compile("[\ud800-\udfff]")

SHAPE = 'expected a list of records, or an object with "records"'
NO_RECORDS = f'{SHAPE}, got an object without a list of "records"'


def read_data(data: object, where: str, max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES) -> Document:
    """Read a document from memory: a ``dict`` with ``records``, a ``list`` or a ``tuple``.

    Raises:
        InputError: the document is refused.
    """
    beside, elements = split_document(data, where)
    if len(elements) > CHUNK:
        # Checked as a whole first, as a file is: else a store could meet a repeated line number itself.
        deque(parse_records(batched(elements, CHUNK), where, max_record_bytes), maxlen=0)
    chunks = parse_records(batched(elements, CHUNK), where, max_record_bytes)
    if not beside:
        return Document(None, chunks)
    header = _parse_header(beside, where)
    return Document(header.origin, verify_records(chunks, where, header.record_count, header.records_sha256))


def read_strictly(file: "Input", max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES) -> Document:
    """Read a document of any layout twice: once to check all of it, once to pass on its records."""
    beside: dict[str, object] = {}
    digest = RecordsDigest()
    for chunk in parse_records(_read_batches(file, beside, max_record_bytes), file.where, max_record_bytes):
        digest.update(chunk)
    header = _parse_header(beside, file.where)
    compare_digest(digest, file.where, header.record_count, header.records_sha256)
    chunks = parse_records(_read_batches(file, {}, max_record_bytes), file.where, max_record_bytes)
    return Document(header.origin, _verify_unchanged(chunks, file.where, digest))


def _verify_unchanged(chunks: Iterable[Chunk], where: str, first: RecordsDigest) -> Iterator[Chunk]:
    """Pass the chunks on, then check that they are those of the first reading.

    A file that is written to between the two may keep its size and, within one tick of the clock, its time.
    """
    digest = RecordsDigest()
    try:
        yield from map(digest.update, chunks)
    except InputError as error:
        if error.code == "input.unreadable":
            raise
        raise make_changed_error(where) from error  # the first reading found no fault
    if (first.count, first.sha256) != (digest.count, digest.sha256):
        raise make_changed_error(where)


def _read_batches(file: "Input", beside: dict[str, object], max_record_bytes: int) -> Iterator[list[object]]:
    """Yield the elements of the records in batches that take no more memory than one block of the file."""
    file.seek(0)
    text = JsonStream(file, max_record_bytes)
    batch: list[object] = []
    blocks = text.blocks
    for element in _read_elements(text, file.where, beside):
        batch.append(element)
        if text.blocks != blocks or len(batch) == CHUNK:
            yield batch
            batch, blocks = [], text.blocks
    if batch:
        yield batch


def _read_elements(text: JsonStream, where: str, beside: dict[str, object]) -> Iterator[object]:
    """Yield the elements of the records, and put the values beside them into `beside`.

    Of unknown keys, which refuse the document in the end, only the first one is kept, without its value.
    """
    match text.peek():
        case "[":
            yield from text.iterate_items()
        case "{":
            found = False
            for key in text.iterate_keys():
                if key == "records" and text.peek() == "[":
                    found = True
                    yield from text.iterate_items()
                    continue
                value = text.read_value()
                if key in _HEADER_KEYS:
                    beside[key] = value
                elif beside.keys() <= _HEADER_KEYS:
                    beside[key] = None
            if not found:
                raise InputError("input.shape", f"{where}: {_hint_at_json_lines(text) or NO_RECORDS}")
        case "":
            raise InputError("input.json", f"{where}: invalid JSON: it is empty")
        case _:
            text.read_value()
            raise InputError("input.shape", f"{where}: {_hint_at_json_lines(text) or SHAPE}")
    if hint := _hint_at_json_lines(text):
        raise InputError("input.json", f"{where}: {hint}")
    text.expect_end()


def _hint_at_json_lines(text: JsonStream) -> str | None:
    """Return what to do if another JSON value follows the first one, as in JSON Lines."""
    if text.peek() not in ("{", "[", '"'):
        return None
    return f"more than one JSON value, as in JSON Lines; {SHAPE}"


def _parse_header(values: Mapping[str, object], where: str) -> "Header":
    from .header import parse_header  # noqa: PLC0415  # up to 0.5 s, see there; our own layout needs none of it

    return parse_header(values, where)


def parse_records(
    batches: Iterable[Sequence[object]], where: str, max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES
) -> Iterator[Chunk]:
    """Parse batches of elements into chunks of records: strings, objects, or records already.

    The line number of an element that names none is its position.

    Raises:
        InputError: ``input.shape``, ``input.nul``, ``input.surrogate``, ``input.record_size`` or
            ``input.repeated_line``.
        OutputError: the folder for temporary files is full: very many line numbers that do not ascend by one
            are checked there.
    """
    with LineNumbers() as numbers:
        yield from _parse_records(batches, where, max_record_bytes, numbers)
        if (repeated := numbers.find_repeated()) is not None:
            raise InputError("input.repeated_line", f"{where}: line number {repeated} is given twice")


def _parse_records(
    batches: Iterable[Sequence[object]], where: str, max_record_bytes: int, numbers: LineNumbers
) -> Iterator[Chunk]:
    before = 0
    for batch in batches:
        records = _parse_plain(batch, before) or [
            _parse_element(element, position, where) for position, element in enumerate(batch, before + 1)
        ]
        numbers.add([record.line_number for record in records])
        try:
            chunk = Chunk(records)
        except UnicodeEncodeError as error:
            bad = next(n for n, record in enumerate(records, before + 1) if _SURROGATE.search(record.content))
            text = f"{where}, record {bad}: lone surrogates are not allowed"
            raise InputError("input.surrogate", text) from error
        check_sizes(chunk, before, where, max_record_bytes)
        before += len(records)
        yield chunk


def split_document(data: object, where: str) -> tuple[Mapping[str, object], Sequence[object]]:
    """Split data in memory into the values beside the records, and the records.

    The records, or the data itself if it is nothing but records, are a list or a tuple.

    Raises:
        InputError: ``input.shape``.
    """
    match data:
        case list() | tuple():
            return {}, data
        case {"records": (list() | tuple()) as elements, **beside}:
            return {str(key): value for key, value in beside.items()}, elements
        case dict():
            raise InputError("input.shape", f"{where}: {NO_RECORDS}")
        case _:
            raise InputError("input.shape", f"{where}: {SHAPE}, got {_describe(data)}")


def _parse_plain(elements: Sequence[object], before: int) -> list[Record] | None:
    """Parse elements of one plain type without a fault, in a tenth of the time; return None for others."""
    types = set(map(type, elements))
    if types == {str}:
        records = list(map(Record, count(before + 1), elements))  # type: ignore[arg-type]  # they are strings
    elif types == {dict}:
        try:
            records = msgspec.convert(elements, list[Record])
        except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a key with a lone surrogate
            return None
    else:
        return None
    contents = [record.content for record in records]
    return records if set(map(type, contents)) == {str} and "\0" not in "".join(contents) else None


def _parse_element(element: object, position: int, where: str) -> Record:
    where = f"{where}, record {position}"
    number: object = position
    match element:
        case str(content):
            pass
        case Record(line_number=number, content=str(content)):
            pass
        case {"content": str(content), **rest}:
            number = rest.pop("line_number", position)
            if rest:
                raise InputError("input.shape", f"{where}: unknown key {_quote_key(next(iter(rest)))}")
        case dict():
            got = _describe(element.get("content"))
            raise InputError("input.shape", f'{where}: expected a string as "content", got {got}')
        case _:
            text = f'{where}: expected a string or an object with "content", got {_describe(element)}'
            raise InputError("input.shape", text)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_INTEGER:
        raise InputError("input.shape", f"{where}: a line number is a whole number between 1 and 2^63 - 1")
    if "\0" in content:
        raise InputError("input.nul", f"{where}: NUL characters are not allowed")
    # A subclass, such as a member of an Enum, has no canonical form: make it a plain number and string.
    return Record(int(number), str.__str__(content))


def _quote_key(key: object) -> str:
    # Cut first: a key may have as many characters as a record.
    return escape(repr(key[:_MAX_QUOTED] if isinstance(key, str) else key))[:_MAX_QUOTED]


def _describe(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        tuple: "a tuple",
        str: "a string",
        bool: "a boolean",
        type(None): "nothing",
    }
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)
