"""Writing of the JSON document that carries records from job to job, and recognizing its layout.

Version 1 carries lines of text:

    {"format":"pipeline-records","version":1,
    "source":{"uri":"file:///…","name":"…","bytes":38,"sha256":"…"},
    "records":[
    {"line_number":1,"content":"…"},
    {"line_number":2,"content":"…"}
    ],
    "record_count":2,"records_sha256":"…"}

Version 2 carries typed rows and rejects in line order, the schema of the rows, and what became of all rows:

    {"format":"pipeline-records","version":2,
    "source":{…},
    "schema":{"name":"Order","fingerprint":"…","columns":["id","amount"]},
    "records":[
    {"line_number":2,"content":[1,"12.50"]},
    {"line_number":3,"reject":{"kind":"type","column":"amount","reason":"…","raw":"2,x","job":"A"}}
    ],
    "read":3,"record_count":1,"rejected":1,"blank":1,"dropped":0,"records_sha256":"…"}

Between the brackets stands the canonical form of the records, so their hash is that of these bytes.
"""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from pipeline_jobs.storage.input import Contents
from pipeline_jobs.storage.location import Source

from .records import Chunk, RecordsDigest

if TYPE_CHECKING:
    from collections.abc import Buffer

    from .rows import RowChunk, RowsDigest, Schema, Sums

VERSION = 1
ROW_VERSION = 2
HEAD_LIMIT = 1 << 18
"""Bytes within which the head ends: a URI of 12 kB, and the names of some thousand columns."""
TAIL_LIMIT = 256
"""Bytes within which the tail begins, counted from the end."""

# As strict as the model in `header`: a head that the model would refuse must not be recognized here.
_URI = rb"[A-Za-z][A-Za-z0-9+.-]*:[!#-\[\]-~]*"
_NAME = rb'"(?:[^"\\\x00-\x1f]|\\(?!u0000).)+"'
_NUMBER = rb"0|[1-9][0-9]{0,17}"
_HEAD = re.compile(
    rb'\{"format":"pipeline-records","version":(?:1|(?P<rows>2)),\n'
    rb'"source":\{"uri":"(?P<uri>%b)","name":(?P<name>%b)'
    rb'(?:,"bytes":(?P<bytes>%b),"sha256":"(?P<sha256>[0-9a-f]{64})")?\}, *\n'
    rb'(?(rows)"schema":(?P<schema>\{[^\n]*\}),\n)'
    rb'"records":\[\n' % (_URI, _NAME, _NUMBER)
)
_TAIL = re.compile(
    rb'\],\n"record_count":(?P<count>%b),"records_sha256":"(?P<sha256>[0-9a-f]{64})"\}\n\Z' % _NUMBER
)
_ROW_TAIL = re.compile(
    rb'\],\n"read":(?P<read>%b),"record_count":(?P<loaded>%b),"rejected":(?P<rejected>%b),'
    rb'"blank":(?P<blank>%b),"dropped":(?P<dropped>%b),"records_sha256":"(?P<sha256>[0-9a-f]{64})"\}\n\Z'
    % ((_NUMBER,) * 5)
)


class Writable(Protocol):
    """A file that is written to, and then once more from its start."""

    def write(self, data: "Buffer", /) -> int:
        """Write all of `data`, and return its size in bytes."""

    def seek(self, offset: int, /) -> int:
        """Continue writing at `offset`, in bytes from the start."""


class Head(NamedTuple):
    """The start of a document.

    Args:
        source: that the document names.
        length: of the head, in bytes.
        schema: of its rows; None for lines of text.
    """

    source: Source
    length: int
    schema: "Schema | None"


class DocumentWriter:
    """Writes a document in a stream.

    The head, which holds the size and hash of the source, is written last, into room kept at the start.

    Args:
        stream: an empty file.
        source: where the records come from; its size and hash are not needed yet.
        schema: of typed rows; None for lines of text.

    Attributes:
        digest: count and hash of the records written so far.
    """

    def __init__(self, stream: Writable, source: Source, schema: "Schema | None" = None) -> None:
        self._stream = stream
        self._source = source
        self._schema = schema
        self.digest: RecordsDigest | RowsDigest = _make_digest(schema)
        self._head_size = len(_encode_head(replace(source, size=10**18, sha256="0" * 64), schema))
        stream.write(b" " * self._head_size)
        self._is_empty = True

    def write(self, chunk: "Chunk | RowChunk") -> None:
        """Append records."""
        if not self._is_empty:
            self._stream.write(b",\n")
        self._is_empty = False
        self._stream.write(chunk.canonical)
        self.digest.update(chunk)  # type: ignore[type-var, arg-type]  # the caller's chunks fit its schema

    def finish(self, size: int | None, sha256: str | None, sums: "Sums | None" = None) -> Contents:
        """Write the end and the head of the document.

        Args:
            size: of the source, in bytes; None if unknown.
            sha256: hash of the source; None if unknown.
            sums: what became of its rows, for typed rows.

        Returns:
            What the document holds.
        """
        source = replace(self._source, size=size, sha256=sha256)
        if size is None or sha256 is None:
            source = replace(source, size=None, sha256=None)
        self._stream.write(b"],\n" if self._is_empty else b"\n],\n")
        contents = Contents(source, self.digest.count, self.digest.sha256)
        if sums:
            counts = b'"read":%d,"record_count":%d,"rejected":%d,"blank":%d,"dropped":%d' % sums
        else:
            counts = b'"record_count":%d' % contents.record_count
        self._stream.write(b'%b,"records_sha256":"%b"}\n' % (counts, contents.sha256.encode()))
        self._stream.seek(0)
        self._stream.write(_encode_head(source, self._schema, self._head_size))
        return contents


def _make_digest(schema: "Schema | None") -> "RecordsDigest | RowsDigest":
    if schema is None:
        return RecordsDigest()
    from .rows import RowsDigest  # noqa: PLC0415  # lines of text need none of it

    return RowsDigest()


def _encode_head(source: Source, schema: "Schema | None" = None, width: int = 0) -> bytes:
    """Return everything before the first record, padded to `width` by spaces at the end of a line."""
    fields: dict[str, object] = {"uri": source.uri, "name": source.name}
    if source.size is not None and source.sha256 is not None:
        fields |= {"bytes": source.size, "sha256": source.sha256}
    version = VERSION if schema is None else ROW_VERSION
    start = b'{"format":"pipeline-records","version":%d,\n"source":%b,' % (
        version,
        msgspec.json.encode(fields),
    )
    end = b'\n"records":[\n'
    if schema is not None:
        end = b'\n"schema":%b,%b' % (msgspec.json.encode(schema), end)
    return start.ljust(width - len(end)) + end


def is_writable_source(source: Source) -> bool:
    """Return whether a document can name a source: its URI has a scheme, its name is not empty."""
    try:
        return parse_head(_encode_head(source)) is not None
    except UnicodeEncodeError:  # a lone surrogate
        return False


def parse_head(start: bytes) -> Head | None:
    """Return the head in `DocumentWriter`'s layout at the start of a file; None for any other."""
    if not (head := _HEAD.match(start)):
        return None
    schema = None
    try:
        name = msgspec.json.decode(head["name"], type=str)
        if head["rows"]:
            from .rows import Schema  # noqa: PLC0415  # lines of text need none of it

            schema = msgspec.json.decode(head["schema"], type=Schema)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    source = Source(head["uri"].decode(), name)
    if head["bytes"]:
        source = replace(source, size=int(head["bytes"]), sha256=head["sha256"].decode())
    return Head(source, head.end(), schema)


def parse_tail(end: bytes) -> tuple[int, str, int] | None:
    """Return the count, hash and length of a tail in `DocumentWriter`'s layout; None for any other."""
    if not (tail := _TAIL.search(end)):
        return None
    return int(tail["count"]), tail["sha256"].decode(), len(end) - tail.start()


def parse_row_tail(end: bytes) -> "tuple[Sums, str, int] | None":
    """Return the sums, hash and length of the tail of typed rows; None for any other."""
    from .rows import Sums  # noqa: PLC0415  # lines of text need none of it

    if not (tail := _ROW_TAIL.search(end)):
        return None
    sums = Sums(*(int(tail[name]) for name in Sums._fields))
    return sums, tail["sha256"].decode(), len(end) - tail.start()
