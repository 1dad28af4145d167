"""Reading of document files in a stream: `DocumentWriter`'s layout fast, others strictly."""

from collections.abc import Iterable, Iterator
from operator import lt
from typing import TYPE_CHECKING

import msgspec

from pipeline_jobs.exceptions import InputError
from pipeline_jobs.storage.input import (
    Contents,
    find_handed_on,
    make_replaced_error,
    open_input,
)

from .pieces import read_pieces
from .records import Chunk, Document, Record, RecordsDigest, encode_canonical, verify_records
from .size_limits import DEFAULT_MAX_RECORD_BYTES, check_sizes, compute_json_limit
from .writer import HEAD_LIMIT, TAIL_LIMIT, Head, parse_head, parse_tail

if TYPE_CHECKING:
    from pipeline_jobs.storage.input import Input
    from pipeline_jobs.storage.location import Location, Source

_DECODER = msgspec.json.Decoder(list[Record])


def read_file(
    file: "Input", max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES, head: Head | None = None
) -> Document:
    """Read a document from a file, which must stay open while `chunks` is iterated.

    Args:
        file: the file.
        max_record_bytes: limit on a record's content in UTF-8; no more of a larger one is held than a record
            of this size can take.
        head: of the document, if it is parsed already.

    Raises:
        InputError: the document is refused; ``input.changed``: it is not the one that was handed on.
    """
    handed_on = find_handed_on(file.path)
    if head is None:
        file.seek(0)
        head = parse_head(file.read(HEAD_LIMIT))
    file.seek(max(0, file.size - TAIL_LIMIT))
    tail = parse_tail(file.read(TAIL_LIMIT))
    if head is not None and head.schema is not None:
        raise InputError("input.shape", f"{file.where}: holds typed rows; this job takes lines of text")
    if head is None or tail is None:
        document = _read_strictly(file, max_record_bytes)
        if handed_on is None:
            return document
        if document.source != handed_on.source:
            raise make_replaced_error(file.where)
        return Document(document.source, _verify_handed_on(document.chunks, file.where, handed_on))
    source, start, _ = head
    count, sha256, length = tail
    if handed_on not in (None, Contents(source, count, sha256)):
        raise make_replaced_error(file.where)
    chunks = _read_canonical(file, start, file.size - length, max_record_bytes)
    return Document(source, verify_records(chunks, file.where, count, sha256))


def _verify_handed_on(chunks: Iterable[Chunk], where: str, handed_on: Contents) -> Iterator[Chunk]:
    digest = RecordsDigest()
    yield from map(digest.update, chunks)
    if (digest.count, digest.sha256) != (handed_on.record_count, handed_on.sha256):
        raise make_replaced_error(where)


def read_source(location: "Location", max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES) -> "Source | None":
    """Return the source that the document at a location names; None if there is no document, or no source.

    Raises:
        InputError: ``input.unreachable``: the store cannot be asked now.
    """
    try:
        with open_input(location) as file:
            if head := parse_head(file.read(HEAD_LIMIT)):
                return head.source
            return _read_strictly(file, max_record_bytes).source
    except InputError as error:
        if error.retriable:
            raise
        return None


def _read_canonical(file: "Input", start: int, end: int, max_record_bytes: int) -> Iterator[Chunk]:
    """Yield the records between two offsets; from the first one that is not canonical, read strictly."""
    done = last = 0
    for piece in read_pieces(file, start, end, compute_json_limit(max_record_bytes)):
        chunk = _parse_canonical(piece, last)
        if chunk is None:
            yield from _skip_records(done, _read_strictly(file, max_record_bytes).chunks)
            return
        check_sizes(chunk, done, file.where, max_record_bytes)
        done += len(chunk)
        last = chunk[-1].line_number
        yield chunk
        del piece, chunk  # they may be one long line: free them before the next piece is read


def _skip_records(count: int, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield the chunks without the first `count` records."""
    for chunk in chunks:
        if len(chunk) > count:
            yield Chunk(chunk[count:]) if count else chunk
        count = max(0, count - len(chunk))


def _parse_canonical(piece: bytes, last: int) -> Chunk | None:
    """Parse records after line `last`; return None unless `piece` is their canonical form, to the byte."""
    try:
        records = _DECODER.decode(b"".join((b"[", piece, b"]")))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # Equal bytes rule out repeated keys, other layouts and numbers written in another way.
    if not records or encode_canonical(records) != piece:
        return None
    numbers = [record.line_number for record in records]
    if not all(map(lt, [last, *numbers], numbers)):
        return None
    if b"\\u0000" in piece and any("\0" in record.content for record in records):
        return None
    return Chunk(records, piece)


def _read_strictly(file: "Input", max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES) -> Document:
    from .handwritten import read_strictly  # noqa: PLC0415  # 3 ms to import; our own layout needs none of it

    return read_strictly(file, max_record_bytes)
