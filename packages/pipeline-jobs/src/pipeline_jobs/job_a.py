"""Job A: writes the records of a text file as a JSON document."""

import os

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


class JobA(BaseJob[Location, Location]):
    """Read a text file, split it into records and write them as a JSON document.

    Every line that is not blank is a record. The document appears whole or not at all, as
    ``<output_dir>/<stem>_processed.json``; if that name belongs to another source, a hash is added to it, and
    so it is if the name belongs to standard input that held something else.
    A file whose name ends in ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` is decompressed as it is read.

    Args:
        output_dir: the folder for the document, made if it is missing, or a URL in a remote store.
        encoding: of the file, decoded strictly.
        max_record_bytes: limit on a record's content in UTF-8; a larger record is refused, and never held as
            a whole.
        max_unpacked_bytes: limit on the size of the content of a compressed file.
        max_unpacked_ratio: limit on that size as a multiple of the file's own; it counts above 256 MiB. Small
            files that unpack to very much are made to exhaust a machine.

    Counts ``lines``, ``records`` and ``blank``.
    """

    takes = "files"

    def __init__(
        self,
        output_dir: str | os.PathLike[str] | Url,
        encoding: str = "utf-8",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_unpacked_bytes: int = DEFAULT_MAX_UNPACKED_BYTES,
        max_unpacked_ratio: int = DEFAULT_MAX_UNPACKED_RATIO,
    ) -> None:
        self.output_dir = parse_location(output_dir)
        self.max_record_bytes = max_record_bytes
        self.unpack_limits = UnpackLimits(max_unpacked_bytes, max_unpacked_ratio)
        self.encoding = parse_encoding(encoding)

    def validate_input(self, value: object) -> Location:
        """Parse the path or URL of a file; `single_job` opens it, once."""
        return parse_file_location(value)

    def single_job(self, value: Location) -> Location:
        """Write the document and return where it is."""
        with open_input(value) as file:
            content = Content(file, self.unpack_limits)
            is_stdin = content.source.uri == STDIN.uri
            splitter = LineSplitter(file.where, self.encoding, self.max_record_bytes, is_stdin=is_stdin)
            with prefetch(splitter.split(content.blocks)) as chunks:
                location = write_chunks(
                    self.output_dir, content, chunks, self.max_record_bytes, progress=self.progress
                )
        blank = splitter.lines - splitter.records
        self.counts.update(lines=splitter.lines, records=splitter.records, blank=blank)
        return location
