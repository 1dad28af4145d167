"""Job A: writes the records of a file as a JSON document."""

import os
from bisect import bisect_left
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from .base import BaseJob
from .concurrency.prefetch import prefetch
from .document_files import write_chunks
from .documents.size_limits import (
    DEFAULT_MAX_RECORD_BYTES,
    DEFAULT_MAX_UNPACKED_BYTES,
    DEFAULT_MAX_UNPACKED_RATIO,
)
from .documents.splitter import LineSplitter, parse_encoding
from .storage.content import Content, UnpackLimits
from .storage.input import open_input
from .storage.location import STDIN, Location, Url, parse_location
from .validators import parse_file_location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .readers.reader import BatchReader, Reader, RowBatch
    from .record_classes.record_class import RecordClass
    from .reject_limit import RejectLimit
    from .row_documents import CheckedRows


class JobA(BaseJob[Location, Location]):
    """Read a file, split it into records and write them as a JSON document.

    Without a reader and a record class, the file is text, and every line that is not blank is a record. With
    them, the reader turns the file into rows, the record class says what a row must be, and rows that do not
    fit are rejects.

    The document appears whole or not at all, as ``<output_dir>/<stem>_processed.json``; if that name belongs
    to another source, a hash is added to it, and so it is if the name belongs to standard input that held
    something else. A file whose name ends in ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` is decompressed as it is
    read.

    Args:
        output_dir: the folder for the document, made if it is missing, or a URL in a remote store.
        encoding: of the file. Lines of text are decoded strictly; a row that cannot be decoded is a reject.
        max_record_bytes: limit on a record's content in UTF-8, of a row as JSON; a larger record is refused,
            a larger row rejected, and never held as a whole.
        max_unpacked_bytes: limit on the size of the content of a compressed file.
        max_unpacked_ratio: limit on that size as a multiple of the file's own; it counts above 256 MiB. Small
            files that unpack to very much are made to exhaust a machine.
        reader: turns the file into rows: `Csv`, `JsonLines`, `Lines` (the default) or one of one's own.
        record: a pydantic model, msgspec Struct or dataclass; without one, a row is whatever the reader
            yields, its values all text in a CSV file.
        max_rejects: how many rows may be rejected: a number, or a percentage of the rows that are not blank,
            such as ``1%``. With more, the file is refused.

    Raises:
        TypeError: `reader` or `record` is none.
        ValueError: `max_rejects` is none.

    Counts ``lines``, ``records`` and ``blank``, and ``rejected`` for rows.
    """

    takes = "files"

    def __init__(
        self,
        output_dir: str | os.PathLike[str] | Url,
        encoding: str = "utf-8",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_unpacked_bytes: int = DEFAULT_MAX_UNPACKED_BYTES,
        max_unpacked_ratio: int = DEFAULT_MAX_UNPACKED_RATIO,
        *,
        reader: "Reader | BatchReader | None" = None,
        record: type | None = None,
        max_rejects: "str | int | RejectLimit" = 0,
    ) -> None:
        self.output_dir = parse_location(output_dir)
        self.max_record_bytes = max_record_bytes
        self.unpack_limits = UnpackLimits(max_unpacked_bytes, max_unpacked_ratio)
        self.encoding = parse_encoding(encoding)
        self.reader = reader
        self.record = record
        self.max_rejects = max_rejects
        self._takes_rows = record is not None or not (reader is None or _is_lines(reader))
        if self._takes_rows:
            self._check_row_arguments()

    def validate_input(self, value: object) -> Location:
        """Parse the path or URL of a file; `single_job` opens it, once."""
        return parse_file_location(value)

    def single_job(self, value: Location) -> Location:
        """Write the document and return where it is."""
        with open_input(value) as file:
            content = Content(file, self.unpack_limits)
            return self._write_rows(content) if self._takes_rows else self._write_lines(content)

    def _write_lines(self, content: Content) -> Location:
        is_stdin = content.source.uri == STDIN.uri
        splitter = LineSplitter(content.file.where, self.encoding, self.max_record_bytes, is_stdin=is_stdin)
        with prefetch(splitter.split(content.blocks)) as chunks:
            location = write_chunks(
                self.output_dir, content, chunks, self.max_record_bytes, progress=self.progress
            )
        blank = splitter.lines - splitter.records
        self.counts.update(lines=splitter.lines, records=splitter.records, blank=blank)
        return location

    def _check_row_arguments(self) -> None:
        """Check what only rows need.

        Raises:
            TypeError, ValueError: an argument is none.
        """
        from .readers.reader import is_reader  # noqa: PLC0415  # here and below: lines of text need none of it
        from .record_classes.record_class import make_record_class  # noqa: PLC0415
        from .reject_limit import parse_reject_limit  # noqa: PLC0415

        if self.reader is not None and not is_reader(self.reader):
            raise TypeError(
                f"reader is {self.reader!r}, expected one with a method read(file), such as Csv()"
            )
        self._limit = parse_reject_limit(self.max_rejects)
        self._record_class = None if self.record is None else make_record_class(self.record)

    def _write_rows(self, content: Content) -> Location:
        from .readers.lines import Lines  # noqa: PLC0415
        from .readers.reader import RowInput, read_batches  # noqa: PLC0415
        from .row_documents import RowDocumentDraft  # noqa: PLC0415

        where = content.file.where
        reader = self.reader or Lines()
        record_class = self._record_class
        fields = tuple(field.name for field in record_class.fields) if record_class else None
        file = RowInput(content, self.encoding, self.max_record_bytes, fields)
        batches = read_batches(reader, file)
        first = next(batches, None)
        record_class = record_class or _make_untyped(first)
        name = self.name or type(self).__name__
        draft = RowDocumentDraft(where, name, record_class.schema, self._limit, self.max_record_bytes)
        rows = self._parse(record_class, first, batches, where)
        location = draft.write(self.output_dir, content, rows, progress=self.progress)
        sums = draft.sums
        self.counts.update(lines=sums.read, records=sums.loaded, blank=sums.blank, rejected=sums.rejected)
        return location

    def _parse(
        self, record_class: "RecordClass", first: "RowBatch | None", batches: "Iterator[RowBatch]", where: str
    ) -> "Iterator[CheckedRows]":
        """Yield the rows of batches as records, and the rejects."""
        from .record_classes.record_class import match_columns  # noqa: PLC0415
        from .row_documents import CheckedRows  # noqa: PLC0415

        if first is None:
            return
        names = first.columns if self._record_class else None
        refuses_unknown = getattr(self.reader, "unknown", "refuse") == "refuse"
        columns = match_columns(record_class, names, where, refuses_unknown=refuses_unknown)
        for batch in chain([first], batches):
            parsed = record_class.parse(batch, columns)
            yield CheckedRows(
                parsed.numbers,
                parsed.contents,
                [*batch.rejects, *parsed.rejects],
                partial(_get_raw, batch, parsed.numbers),
                batch.blank,
            )


def _get_raw(batch: "RowBatch", numbers: "list[int]", index: int) -> str:
    """Return the raw text of a row by its index among those that fit; line numbers ascend."""
    return batch.describe_raw(bisect_left(batch.numbers, numbers[index]))


def _is_lines(reader: object) -> bool:
    from .readers.lines import Lines  # noqa: PLC0415  # as above

    return isinstance(reader, Lines)


def _make_untyped(first: "RowBatch | None") -> "RecordClass":
    from .record_classes.untyped import UntypedRows  # noqa: PLC0415  # as above

    return UntypedRows(first.columns if first else None)
