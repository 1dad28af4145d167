"""Documents read back in a stream: our own layout fast, all others strictly, with the same outcome."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched
from operator import lt
from typing import TYPE_CHECKING

import msgspec

from .document import HEAD_LIMIT, TAIL_LIMIT, recognised_head, recognised_tail
from .errors import InputError
from .handwritten import CHUNK, NO_RECORDS, SHAPE, check_sizes, records_in, split
from .input_file import BLOCK
from .limits import MAX_RECORD_BYTES, json_limit
from .places import open_input
from .records import Chunk, Record, RecordsDigest, Source, canonical
from .strict_json import JsonStream

if TYPE_CHECKING:
    from .header import Header
    from .places import Input
    from .url import Location

_DECODER = msgspec.json.Decoder(list[Record])


@dataclass(frozen=True, slots=True)
class Document:
    """Records on their way in.

    Args:
        source: where the document says they come from; None when it does not say.
        chunks: the records; iterating raises ``InputError`` where they do not add up, if only at the end.
    """

    source: Source | None
    chunks: Iterable[Chunk]


def read_file(file: "Input", max_record_bytes: int = MAX_RECORD_BYTES) -> Document:
    """Read a document from a file, which must stay open while `chunks` is iterated.

    Args:
        file: the file.
        max_record_bytes: of a record's content in UTF-8; of a larger one no more than it can take is held.

    Raises:
        InputError: the document is refused.
    """
    head = recognised_head(file.read(HEAD_LIMIT))
    file.seek(max(0, file.size - TAIL_LIMIT))
    tail = recognised_tail(file.read(TAIL_LIMIT))
    if head is None or tail is None:
        return _strict(file, max_record_bytes)
    source, start = head
    count, sha256, length = tail
    chunks = _ours(file, start, file.size - length, max_record_bytes)
    return Document(source, _adding_up(chunks, file.where, count, sha256))


def read_data(data: object, where: str, max_record_bytes: int = MAX_RECORD_BYTES) -> Document:
    """Read a document handed over in memory, a ``dict`` or a ``list``.

    Raises:
        InputError: the document is refused.
    """
    beside, elements = split(data, where)
    if len(elements) > CHUNK:  # twice, as a file: a store would meet a repeated line number before the end
        deque(records_in(batched(elements, CHUNK), where, max_record_bytes), maxlen=0)
    chunks = records_in(batched(elements, CHUNK), where, max_record_bytes)
    if not beside:
        return Document(None, chunks)
    header = _header(beside, where)
    return Document(header.origin, _adding_up(chunks, where, header.record_count, header.records_sha256))


def source_in(place: "Location", max_record_bytes: int = MAX_RECORD_BYTES) -> Source | None:
    """Return the source that the document there names; None for any other file, or none.

    Raises:
        InputError: ``input.unreachable``: whether there is one cannot be known now.
    """
    try:
        with open_input(place) as file:
            if recognised := recognised_head(file.read(HEAD_LIMIT)):
                return recognised[0]
            return _strict(file, max_record_bytes).source
    except InputError as error:
        if error.retriable:
            raise
        return None


def _adding_up(chunks: Iterable[Chunk], where: str, count: int | None, sha256: str | None) -> Iterator[Chunk]:
    """Pass the chunks on, then compare them with what the document says of itself."""
    digest = RecordsDigest()

    def digested(chunk: Chunk) -> Chunk:
        digest.update(chunk)
        return chunk

    yield from map(digested, chunks)
    _compare(digest, where, count, sha256)


def _compare(digest: RecordsDigest, where: str, count: int | None, sha256: str | None) -> None:
    hint = "without record_count and records_sha256 it loads as written by hand"
    if count not in (None, digest.count):
        text = f"{where}: holds {digest.count} records where record_count says {count}; {hint}"
        raise InputError("input.count", text)
    if sha256 not in (None, digest.sha256):
        raise InputError("input.hash", f"{where}: the records are not those of records_sha256; {hint}")


def _ours(file: "Input", start: int, end: int, max_record_bytes: int) -> Iterator[Chunk]:
    """Yield the records between two offsets; from the first that is not canonical on, read strictly."""
    done = last = 0
    for body in _bodies(file, start, end, json_limit(max_record_bytes)):
        chunk = _recognised(body, last)
        if chunk is None:
            yield from _without(done, _strict(file, max_record_bytes).chunks)
            return
        check_sizes(chunk, done, file.where, max_record_bytes)
        done += len(chunk)
        last = chunk[-1].line_number
        yield chunk
        del body, chunk  # where a line is long, before the next one is read


def _without(count: int, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield the chunks without the first `count` records."""
    for chunk in chunks:
        if len(chunk) > count:
            yield Chunk(chunk[count:]) if count else chunk
        count = max(0, count - len(chunk))


def _bodies(file: "Input", start: int, end: int, longest: int) -> Iterator[bytes]:
    """Yield the bytes between two offsets in pieces of whole lines, without what separates the pieces.

    A line of more than `longest` bytes ends all: the piece of it that is held is the last.
    """
    file.seek(start)
    left = end - start
    carry: list[bytes] = []
    size = 0
    half = b""  # a comma at the end, which may be half of a separator
    while left > 0:
        block = file.read(min(BLOCK, left))
        if not block:
            raise file.changed()
        left -= len(block)
        # Only what is new is searched, and joined once: a line may be a thousand blocks.
        block = half + block
        half = b"," if left and block.endswith(b",") else b""
        if left and (cut := block.rfind(b",\n")) >= 0:
            carry.append(block[:cut])
            body = b"".join(carry)
            carry.clear()
            yield body
            del body
            block, size = block[cut + 2 :], 0
        carry.append(block[: len(block) - len(half)])
        size += len(carry[-1])
        if size > longest:
            break
    if carry:
        carry[-1] = carry[-1].removesuffix(b"\n")
        body = b"".join(carry)
        carry.clear()
        yield body


def _recognised(body: bytes, last: int) -> Chunk | None:
    """Return the records if `body` is their canonical form, to the byte, and they go on after line `last`."""
    try:
        records = _DECODER.decode(b"".join((b"[", body, b"]")))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # Equal bytes leave no room for repeated keys, other layouts or numbers written otherwise.
    if not records or canonical(records) != body:
        return None
    numbers = [record.line_number for record in records]
    if not all(map(lt, [last, *numbers], numbers)):
        return None
    if b"\\u0000" in body and any("\0" in record.content for record in records):
        return None
    return Chunk(records, body)


def _strict(file: "Input", max_record_bytes: int = MAX_RECORD_BYTES) -> Document:
    """Read a document of any layout twice: once to check all of it, once to hand on its records."""
    beside: dict[str, object] = {}
    digest = RecordsDigest()
    for chunk in records_in(_batches(file, beside, max_record_bytes), file.where, max_record_bytes):
        digest.update(chunk)
    header = _header(beside, file.where)
    _compare(digest, file.where, header.record_count, header.records_sha256)
    again = records_in(_batches(file, {}, max_record_bytes), file.where, max_record_bytes)
    return Document(header.origin, _as_before(again, file, digest))


def _as_before(chunks: Iterable[Chunk], file: "Input", first: RecordsDigest) -> Iterator[Chunk]:
    """Pass the chunks on, then make sure that they were those of the first reading.

    A file that is written to between the two may keep its size, and within a clock tick its time too.
    """
    digest = RecordsDigest()

    def digested(chunk: Chunk) -> Chunk:
        digest.update(chunk)
        return chunk

    try:
        yield from map(digested, chunks)
    except InputError as error:
        if error.code == "input.unreadable":
            raise
        raise file.changed() from error  # nothing was wrong with it the first time
    if (first.count, first.sha256) != (digest.count, digest.sha256):
        raise file.changed()


def _batches(file: "Input", beside: dict[str, object], max_record_bytes: int) -> Iterator[list[object]]:
    """Gather the elements of the records; a batch takes no more memory than what is read at once."""
    file.seek(0)
    text = JsonStream(file, max_record_bytes)
    batch: list[object] = []
    blocks = text.blocks
    for element in _elements(text, file.where, beside):
        batch.append(element)
        if text.blocks != blocks or len(batch) == CHUNK:
            yield batch
            batch, blocks = [], text.blocks
    if batch:
        yield batch


def _elements(text: JsonStream, where: str, beside: dict[str, object]) -> Iterator[object]:
    """Yield the elements of the records, and put what stands beside them into `beside`."""
    match text.peek():
        case "[":
            yield from text.items()
        case "{":
            found = False
            for key in text.members():
                if key == "records" and text.peek() == "[":
                    found = True
                    yield from text.items()
                else:
                    beside[key] = text.value()
            if not found:
                raise InputError("input.shape", f"{where}: {NO_RECORDS}")
        case "":
            raise InputError("input.json", f"{where}: no valid JSON: it is empty")
        case _:
            text.value()
            raise InputError("input.shape", f"{where}: {SHAPE}")
    text.end()


def _header(values: Mapping[str, object], where: str) -> "Header":
    from .header import header  # noqa: PLC0415  # Pydantic takes 0.1 s to import; our own layout needs none

    return header(values, where)
