"""The JSON document that carries records from A to B: its layout, how it is written and recognised.

    {"format":"pipeline-records","version":1,
    "source":{"uri":"file:///…","name":"…","bytes":38,"sha256":"…"},
    "records":[
    {"line_number":1,"content":"…"},
    {"line_number":2,"content":"…"}
    ],
    "record_count":2,"records_sha256":"…"}

Between the brackets stands the records' canonical form, so their hash is that of the file's own bytes.
"""

import re
from dataclasses import replace
from typing import BinaryIO

import msgspec

from .records import Chunk, RecordsDigest, Source

VERSION = 1
HEAD_LIMIT = 1 << 16
"""Bytes within which a head of ours ends: a URI is three times a path's 4,096 bytes at most."""

# As strict as the model of a header: what it would refuse is none of ours.
_URI = rb"[A-Za-z][A-Za-z0-9+.-]*:[!#-\[\]-~]*"
_NAME = rb'"(?:[^"\\\x00-\x1f]|\\(?!u0000).)+"'
_NUMBER = rb"0|[1-9][0-9]{0,17}"
_HEAD = re.compile(
    rb'\{"format":"pipeline-records","version":1,\n'
    rb'"source":\{"uri":"(?P<uri>%b)","name":(?P<name>%b),'
    rb'"bytes":(?P<bytes>%b),"sha256":"(?P<sha256>[0-9a-f]{64})"\}, *\n'
    rb'"records":\[\n' % (_URI, _NAME, _NUMBER)
)
_TAIL = re.compile(
    rb'\],\n"record_count":(?P<count>%b),"records_sha256":"(?P<sha256>[0-9a-f]{64})"\}\n\Z' % _NUMBER
)
TAIL_LIMIT = 256


class Writer:
    """Writes a document in a stream: the head last, into room kept for it, as only then all of it is known.

    Args:
        stream: an empty binary file that can seek.
        source: where the records come from; its size and hash are not needed yet.
    """

    def __init__(self, stream: BinaryIO, source: Source) -> None:
        self._stream = stream
        self._source = source
        self._digest = RecordsDigest()
        self._room = len(_head(replace(source, size=10**18, sha256="0" * 64)))
        stream.write(b" " * self._room)

    @property
    def count(self) -> int:
        """How many records are written."""
        return self._digest.count

    def write(self, chunk: Chunk) -> None:
        """Append records."""
        if self._digest.count:
            self._stream.write(b",\n")
        self._stream.write(chunk.canonical)
        self._digest.update(chunk)

    def finish(self, size: int, sha256: str) -> None:
        """Close the document, with what has become known of its source."""
        self._stream.write(b"\n],\n" if self._digest.count else b"],\n")
        tail = b'"record_count":%d,"records_sha256":"%b"}\n'
        self._stream.write(tail % (self._digest.count, self._digest.sha256.encode()))
        self._stream.seek(0)
        self._stream.write(_head(replace(self._source, size=size, sha256=sha256), self._room))


def _head(source: Source, width: int = 0) -> bytes:
    """Return everything before the first record, padded to `width` by spaces at the end of a line."""
    known = {"uri": source.uri, "name": source.name, "bytes": source.size, "sha256": source.sha256}
    start = b'{"format":"pipeline-records","version":%d,\n"source":%b,' % (
        VERSION,
        msgspec.json.encode(known),
    )
    end = b'\n"records":[\n'
    return start.ljust(width - len(end)) + end


def recognised_head(start: bytes) -> tuple[Source, int] | None:
    """Return the source and the length of a head as `Writer` lays it out; None for any other."""
    if not (head := _HEAD.match(start)):
        return None
    try:
        name = msgspec.json.decode(head["name"], type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    uri, sha256 = head["uri"].decode(), head["sha256"].decode()
    return Source(uri, name, int(head["bytes"]), sha256), head.end()


def recognised_tail(end: bytes) -> tuple[int, str, int] | None:
    """Return the count, the hash and the length of a tail as `Writer` lays it out; None for any other."""
    if not (tail := _TAIL.search(end)):
        return None
    return int(tail["count"]), tail["sha256"].decode(), len(end) - tail.start()
