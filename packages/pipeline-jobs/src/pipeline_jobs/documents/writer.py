"""Writing of the JSON document that carries records from job A to job B, and recognizing its layout.

    {"format":"pipeline-records","version":1,
    "source":{"uri":"file:///…","name":"…","bytes":38,"sha256":"…"},
    "records":[
    {"line_number":1,"content":"…"},
    {"line_number":2,"content":"…"}
    ],
    "record_count":2,"records_sha256":"…"}

Between the brackets stands the canonical form of the records, so their hash is that of these bytes.
"""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from pipeline_jobs.storage.input import Contents
from pipeline_jobs.storage.location import Source

from .records import Chunk, RecordsDigest

if TYPE_CHECKING:
    from collections.abc import Buffer

VERSION = 1
HEAD_LIMIT = 1 << 16
"""Bytes within which the head ends: a URI is at most three times as long as a path, which has 4,096 bytes."""
TAIL_LIMIT = 256
"""Bytes within which the tail begins, counted from the end."""

# As strict as the model in `header`: a head that the model would refuse must not be recognized here.
_URI = rb"[A-Za-z][A-Za-z0-9+.-]*:[!#-\[\]-~]*"
_NAME = rb'"(?:[^"\\\x00-\x1f]|\\(?!u0000).)+"'
_NUMBER = rb"0|[1-9][0-9]{0,17}"
_HEAD = re.compile(
    rb'\{"format":"pipeline-records","version":1,\n'
    rb'"source":\{"uri":"(?P<uri>%b)","name":(?P<name>%b)'
    rb'(?:,"bytes":(?P<bytes>%b),"sha256":"(?P<sha256>[0-9a-f]{64})")?\}, *\n'
    rb'"records":\[\n' % (_URI, _NAME, _NUMBER)
)
_TAIL = re.compile(
    rb'\],\n"record_count":(?P<count>%b),"records_sha256":"(?P<sha256>[0-9a-f]{64})"\}\n\Z' % _NUMBER
)


class Writable(Protocol):
    """A file that is written to, and then once more from its start."""

    def write(self, data: "Buffer", /) -> int:
        """Write all of `data`, and return its size in bytes."""

    def seek(self, offset: int, /) -> int:
        """Continue writing at `offset`, in bytes from the start."""


class DocumentWriter:
    """Writes a document in a stream.

    The head, which holds the size and hash of the source, is written last, into room kept at the start.

    Args:
        stream: an empty file.
        source: where the records come from; its size and hash are not needed yet.

    Attributes:
        digest: count and hash of the records written so far.
    """

    def __init__(self, stream: Writable, source: Source) -> None:
        self._stream = stream
        self._source = source
        self.digest = RecordsDigest()
        self._head_size = len(_encode_head(replace(source, size=10**18, sha256="0" * 64)))
        stream.write(b" " * self._head_size)

    def write(self, chunk: Chunk) -> None:
        """Append records."""
        if self.digest.count:
            self._stream.write(b",\n")
        self._stream.write(chunk.canonical)
        self.digest.update(chunk)

    def finish(self, size: int | None, sha256: str | None) -> Contents:
        """Write the end and the head of the document, with size and hash of its source, if both are known.

        Returns:
            What the document holds.
        """
        source = replace(self._source, size=size, sha256=sha256)
        if size is None or sha256 is None:
            source = replace(source, size=None, sha256=None)
        self._stream.write(b"\n],\n" if self.digest.count else b"],\n")
        contents = Contents(source, self.digest.count, self.digest.sha256)
        tail = b'"record_count":%d,"records_sha256":"%b"}\n'
        self._stream.write(tail % (contents.record_count, contents.sha256.encode()))
        self._stream.seek(0)
        self._stream.write(_encode_head(source, self._head_size))
        return contents


def _encode_head(source: Source, width: int = 0) -> bytes:
    """Return everything before the first record, padded to `width` by spaces at the end of a line."""
    fields: dict[str, object] = {"uri": source.uri, "name": source.name}
    if source.size is not None and source.sha256 is not None:
        fields |= {"bytes": source.size, "sha256": source.sha256}
    start = b'{"format":"pipeline-records","version":%d,\n"source":%b,' % (
        VERSION,
        msgspec.json.encode(fields),
    )
    end = b'\n"records":[\n'
    return start.ljust(width - len(end)) + end


def is_writable_source(source: Source) -> bool:
    """Return whether a document can name a source: its URI has a scheme, its name is not empty."""
    try:
        return parse_head(_encode_head(source)) is not None
    except UnicodeEncodeError:  # a lone surrogate
        return False


def parse_head(start: bytes) -> tuple[Source, int] | None:
    """Return the source and the length of a head in `DocumentWriter`'s layout; None for any other."""
    if not (head := _HEAD.match(start)):
        return None
    try:
        name = msgspec.json.decode(head["name"], type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    source = Source(head["uri"].decode(), name)
    if head["bytes"]:
        source = replace(source, size=int(head["bytes"]), sha256=head["sha256"].decode())
    return source, head.end()


def parse_tail(end: bytes) -> tuple[int, str, int] | None:
    """Return the count, hash and length of a tail in `DocumentWriter`'s layout; None for any other."""
    if not (tail := _TAIL.search(end)):
        return None
    return int(tail["count"]), tail["sha256"].decode(), len(end) - tail.start()
