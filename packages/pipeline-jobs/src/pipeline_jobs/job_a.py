"""Job A: a file becomes a JSON document of its records."""

import hashlib
import os
from typing import TYPE_CHECKING

from .ahead import ahead, begun
from .base import BaseJob
from .compression import content_blocks, content_stem
from .document import Writer
from .limits import MAX_RECORD_BYTES
from .naming import candidates
from .places import open_input, open_output
from .reading import source_in
from .splitting import LineSplitter, text_encoding
from .url import Location, Url, location
from .validators import input_location

if TYPE_CHECKING:
    from .places import Input


class JobA(BaseJob[Location, Location]):
    """Read a text file, split it into records and write them as a JSON document.

    Every line that is not blank is a record. The document appears whole or not at all, as
    ``<output_dir>/<stem>_processed.json``; where that name belongs to another source, a hash is added to it.
    A file whose name ends in ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` is decompressed as it is read.

    Args:
        output_dir: where the document goes, a folder, made if it is missing, or a URL in a store.
        encoding: of the file, decoded strictly.
        max_record_bytes: of a record's content in UTF-8; a larger one is refused, and never held as a whole.

    Counts ``lines``, ``records`` and ``blank``.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str] | Url,
        encoding: str = "utf-8",
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.output_dir = location(output_dir)
        self.max_record_bytes = max_record_bytes
        self.encoding = text_encoding(encoding)

    def validate_input(self, value: object) -> Location:
        """Return the path of a regular file, or the URL of a file in a store, that can be read."""
        return input_location(value)

    def single_job(self, value: Location) -> Location:
        """Write the document and return where it is."""
        with open_input(value) as file:
            source = file.source
            names = candidates(self.output_dir, content_stem(value), source.uri)
            original = _Measured(file)
            splitter = LineSplitter(file.where, self.encoding, self.max_record_bytes)
            with ahead(splitter.chunks(content_blocks(file, original))) as made:
                # The first records are read before anything is made: input refused at once leaves no trace.
                chunks = begun(made, 1)
                with open_output(names[0]) as output:
                    document = Writer(output.stream, source)
                    for chunk in chunks:
                        document.write(chunk)
                        self.progress(original.size, file.size, document.count)
                        del chunk  # where a line is long, before the next one comes
                    document.finish(original.size, original.sha256)
                    file.check_unchanged()
                    place = output.publish(names, lambda there: self._source_uri(there) == source.uri)
        self.counts.update(lines=splitter.lines, records=splitter.records, blank=splitter.blank)
        return place

    def _source_uri(self, place: Location) -> str | None:
        source = source_in(place, self.max_record_bytes)
        return source.uri if source else None


class _Measured:
    """A file, measured and hashed as it is read."""

    def __init__(self, file: "Input") -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes, none only at the end."""
        block = self._file.read(size)
        self._hash.update(block)
        self.size += len(block)
        return block

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
