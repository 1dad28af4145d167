"""Documents as files: read in a stream, and written under a name that belongs to their source."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from .concurrency.prefetch import preload
from .documents.reader import read_file, read_source
from .documents.size_limits import DEFAULT_MAX_RECORD_BYTES
from .documents.writer import DocumentWriter, is_writable_source
from .storage.atomic_writer import open_output
from .storage.content import Content, get_content_stem
from .storage.input import BLOCK, hand_on, open_input
from .storage.location import STDIN, Location, Source, Url, parse_location
from .validators import parse_file_location

if TYPE_CHECKING:
    from .base import Progress
    from .documents.records import Chunk, Record
    from .documents.rows import RowChunk, Schema, Sums
    from .files import BinaryInput, TextInput
    from .storage.input import Input

SUFFIX = "_processed.json"
_MAX_SUFFIX_BYTES = 100
# A file system allows names of 255 bytes. The longest name is the draft's: .<stem>_<8><suffix>.<8>.tmp
_MAX_NAME_BYTES = 255 - len(f".{'_' + 8 * 'x'}.{8 * 'x'}.tmp")


class DocumentRecords:
    """The records of a document opened by `open_document`: an iterator, which reads it in a stream.

    Attributes:
        source: where the records come from: what the document names, else the document itself.
    """

    def __init__(self, file: "Input", max_record_bytes: int) -> None:
        document = read_file(file, max_record_bytes)
        self.source = document.source or file.source
        self._file = file
        self._records = chain.from_iterable(document.chunks)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> "Record":
        return next(self._records)

    def check_unchanged(self) -> None:
        """Check that nobody wrote to the document since it was opened.

        Raises:
            InputError: ``input.changed``.
        """
        self._file.check_unchanged()

    @property
    def size(self) -> int:
        """Bytes of the document."""
        return self._file.size

    @property
    def position(self) -> int:
        """Bytes of the document that are read; with `size`, the progress."""
        return self._file.position


@contextmanager
def open_document(
    location: str | os.PathLike[str] | Url, max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES
) -> Iterator[DocumentRecords]:
    """Open a document, and read its records in a stream, in bounded memory.

    What the document says of itself, its count and hash, is compared at the last record.

    Args:
        location: a path, or a URL in a remote store: a document of job A or of `write_document`, or one
            written by hand.
        max_record_bytes: limit on a record's content in UTF-8.

    Yields:
        An iterator over the records, with the `source` that they come from, and `position` and `size` in
        bytes for the progress.

    Raises:
        InputError: ``input.json``, ``input.shape``, ``input.hash``, ``input.changed`` and others of ERRORS.md

    Example:
        >>> with open_document("data/output/sample_processed.json") as records:  # doctest: +SKIP
        ...     longest = max(records, key=lambda record: len(record.content))
    """
    with open_input(parse_file_location(location)) as file:
        yield DocumentRecords(file, max_record_bytes)
        file.check_unchanged()


def write_document(
    folder: str | os.PathLike[str] | Url,
    origin: "TextInput | BinaryInput | DocumentRecords | Source",
    records: Iterable[object],
    *,
    suffix: str = SUFFIX,
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    progress: "Progress | None" = None,
) -> Location:
    """Write records as a document for job B, in a stream; it appears whole or not at all.

    It is named after its origin: ``orders_processed.json`` for ``orders.csv``. If a document of another
    source has that name, or one of standard input that held something else, a hash is added to it.

    Args:
        folder: for the document, made if it is missing; or a URL in a remote store.
        origin: the opened file or document that the records are made of, or a `Source`, such as one for the
            URL of an API. Of an opened file, size and hash are written too, and it is checked not to have
            changed.
        records: strings, whose line numbers are their positions, counted from 1; mappings of ``content`` and
            ``line_number``; or `Record` objects. Usually a generator.
        suffix: end of the document's name, without a folder.
        max_record_bytes: limit on a record's content in UTF-8.
        progress: called while an opened file is read: the job's own `progress`, usually.

    Returns:
        Where the document is.

    Raises:
        InputError: a record is refused, or the opened file has changed.
        OutputError: the document cannot be written.
        ValueError: the source is none: its URI has no scheme, for instance; or the suffix is too long.
        TypeError: the records are one string or one mapping.

    Example:
        >>> with open_text("orders.csv", newline="") as text:  # doctest: +SKIP
        ...     write_document("data", text, (row["customer"] for row in csv.DictReader(text)))
    """
    from .documents.handwritten import parse_records  # noqa: PLC0415  # 3 ms to import; job A needs none of it

    source = origin if isinstance(origin, Source) else origin.source
    if not is_writable_source(source):
        hint = "of ASCII characters, as urllib.parse.quote makes it, and a name"
        raise ValueError(f"{source}: expected a URI such as https://example.org/orders, {hint}")
    if "/" in suffix or not 0 < len(os.fsencode(suffix)) <= _MAX_SUFFIX_BYTES:
        raise ValueError(f"suffix {suffix!r}: expected the end of a file name, such as {SUFFIX}")
    if isinstance(records, str | bytes | Mapping):
        raise TypeError(f"expected an iterable of records, got one {type(records).__name__}")
    chunks = parse_records(_batch(records), source.name, max_record_bytes)
    if isinstance(origin, DocumentRecords):
        chunks = _check_at_end(chunks, origin)
    content = source if isinstance(origin, Source | DocumentRecords) else origin.content
    return write_chunks(parse_location(folder), content, chunks, max_record_bytes, suffix, progress)


class RowDraft(Protocol):
    """The schema and the sums of a document of typed rows; the sums are known at the end of the rows."""

    @property
    def schema(self) -> "Schema": ...  # noqa: D102  # see above

    @property
    def sums(self) -> "Sums": ...  # noqa: D102  # see above


def _check_at_end(chunks: "Iterable[Chunk]", origin: DocumentRecords) -> "Iterator[Chunk]":
    """Pass chunks on, then check that the document they are made of did not change."""
    yield from chunks
    origin.check_unchanged()


def _batch(records: Iterable[object]) -> Iterator[list[object]]:
    """Yield records in batches that take no more memory than a block of a file."""
    from .documents.handwritten import CHUNK  # noqa: PLC0415  # as above

    batch: list[object] = []
    size = 0
    for record in records:
        batch.append(record)
        content = record.get("content") if isinstance(record, Mapping) else getattr(record, "content", record)
        size += len(content) if isinstance(content, str) else 0
        if size >= BLOCK or len(batch) == CHUNK:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def write_chunks(
    folder: Location,
    origin: Content | Source,
    chunks: "Iterable[Chunk] | Iterable[RowChunk]",
    max_record_bytes: int,
    suffix: str = SUFFIX,
    progress: "Progress | None" = None,
    rows: "RowDraft | None" = None,
) -> Location:
    """Write checked records as a document, see `write_document`; typed rows with what `rows` says of them."""
    if isinstance(origin, Content):
        source, stem = origin.source, get_content_stem(origin.file.path)
    else:
        source, stem = origin, get_content_stem(Path(re.sub(r"[/\0]", "_", origin.name)))
    identity = source.uri
    names = list_output_names(folder, stem, identity, suffix)
    # The first records are read before a folder is made: input refused at once leaves no trace.
    first: Iterator[Chunk | RowChunk] = preload(iter(chunks), 1)
    with open_output(names[0]) as output:
        document = DocumentWriter(output, source, rows.schema if rows else None)
        for chunk in first:
            document.write(chunk)
            if progress and isinstance(origin, Content):
                progress(origin.position, origin.file.size, document.digest.count)
            del chunk  # a chunk may be one long line: free it before the next one is read
        if isinstance(origin, Content):
            source = origin.measure()
        written = document.finish(source.size, source.sha256, rows.sums if rows else None)
        if source.uri == STDIN.uri:
            identity = f"{source.uri}{source.sha256}"
            names = list_output_names(folder, stem, identity, suffix)
        more = _list_more_names(folder, stem, identity, suffix, max_record_bytes)
        location = output.publish(
            chain(names, more), lambda name: _has_source(name, source, max_record_bytes)
        )
        hand_on(location, written)
        return location


def _has_source(location: Location, source: Source, max_record_bytes: int) -> bool:
    """Return whether the document at a location comes from a source, and may be replaced by a new one.

    Standard input is another one each time: a run beside this one may not have loaded its document yet.
    """
    found = read_source(location, max_record_bytes)
    if found is None or found.uri != source.uri:
        return False
    return source.uri != STDIN.uri or found.sha256 == source.sha256


def list_output_names(
    folder: Location, stem: str, uri: str, suffix: str = SUFFIX
) -> tuple[Location, Location]:
    """List where the document of a source may go: under the plain name, or the name with a hash of `uri`.

    A stem that is too long is cut. Cut names of two sources may be equal, so the hash is in both names then.
    """
    marked = f"_{hashlib.sha256(uri.encode()).hexdigest()[:8]}{suffix}"
    most = _MAX_NAME_BYTES - len(os.fsencode(suffix))
    if len(os.fsencode(stem)) > most:
        while len(os.fsencode(stem)) > most:
            stem = stem[:-1]
        return folder / f"{stem}{marked}", folder / f"{stem}{marked}"
    return folder / f"{stem}{suffix}", folder / f"{stem}{marked}"


def _list_more_names(
    folder: Location, stem: str, uri: str, suffix: str, max_record_bytes: int
) -> Iterator[Location]:
    """Yield further names for a document, as long as the one before is that of another source's document.

    Another input may be called like this one's name with the hash, by accident or on purpose.
    """
    _, taken = list_output_names(folder, stem, uri, suffix)
    for number in count(1):
        if read_source(taken, max_record_bytes) is None:
            return
        _, taken = list_output_names(folder, stem, f"{uri} {number}", suffix)
        yield taken
