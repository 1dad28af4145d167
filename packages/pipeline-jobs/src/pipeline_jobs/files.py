"""Files for jobs of one's own: opened as text or bytes, and written whole or not at all."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from .documents.size_limits import DEFAULT_MAX_UNPACKED_BYTES, DEFAULT_MAX_UNPACKED_RATIO
from .documents.splitter import make_undecodable_error, parse_encoding
from .escaping import escape
from .exceptions import InputError, OutputError
from .storage.atomic_writer import open_output
from .storage.content import Content, UnpackLimits, is_compressed
from .storage.input import BLOCK, open_input
from .storage.location import STDIN, Source, Url
from .validators import parse_file_location

if TYPE_CHECKING:
    from collections.abc import Buffer

    from .storage.atomic_writer import Draft, Output


class _OpenedFile:
    """The properties of an opened file beside its content."""

    content: Content

    @property
    def source(self) -> Source:
        """The file as a source."""
        return self.content.source

    @property
    def size(self) -> int:
        """Bytes of the file as it lies there, compressed or not."""
        return self.content.file.size

    @property
    def position(self) -> int:
        """Bytes of the file, as it lies there, that are read; with `size`, the progress."""
        return self.content.position


class BinaryInput(_OpenedFile, io.BufferedReader):
    """A file opened by `open_binary`: a binary stream that cannot seek."""

    def __init__(self, content: Content) -> None:
        super().__init__(content, BLOCK)
        self.content = content


class TextInput(_OpenedFile, io.TextIOWrapper):
    """A file opened by `open_text`: a text stream that cannot seek."""

    def __init__(self, content: Content, encoding: str, newline: str | None) -> None:
        codec = "utf-8-sig" if encoding == "utf-8" else encoding  # drops a byte order mark
        self.content = content
        self._encoding = encoding
        self._bytes = io.BufferedReader(content, BLOCK)
        super().__init__(self._bytes, codec, newline=newline)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed names the argument
        """Read a line, as iteration does.

        Raises:
            InputError: ``input.undecodable``, naming byte and line, or the file cannot be read.
        """
        try:
            return super().readline(size)
        except UnicodeError as error:
            raise self._make_undecodable_error(error) from error

    def read(self, size: int | None = -1, /) -> str:
        """Read up to `size` characters, or all.

        Raises:
            InputError: as `readline`.
        """
        try:
            return super().read(size)
        except UnicodeError as error:
            raise self._make_undecodable_error(error) from error

    def _make_undecodable_error(self, error: UnicodeError) -> InputError:
        offset = 0  # some codecs do not say where, as UTF-16 without its mark
        if isinstance(error, UnicodeDecodeError):  # its bytes are the last ones that the decoder got
            offset = self._bytes.tell() - len(error.object) + error.start
        head, line = b"", 1
        with suppress(InputError), open_input(self.content.file.path) as file:
            left = offset
            for block in Content(file, self.content.limits).blocks:
                head = head or block
                line += block.count(b"\n", 0, left)
                left -= len(block)
                if left <= 0:
                    break
        is_stdin = self.source.uri == STDIN.uri
        where = self.content.file.where
        return make_undecodable_error(where, offset, line, self._encoding, head, is_stdin=is_stdin)


@contextmanager
def open_text(
    location: str | os.PathLike[str] | Url,
    encoding: str = "utf-8",
    newline: str | None = None,
    *,
    max_unpacked_bytes: int = DEFAULT_MAX_UNPACKED_BYTES,
    max_unpacked_ratio: int = DEFAULT_MAX_UNPACKED_RATIO,
) -> Iterator[TextInput]:
    """Open a file for reading as text, in a stream.

    A file whose name ends in ``.gz``, ``.bz2``, ``.xz`` or ``.zst`` is decompressed as it is read. At the end
    of the block, the file is checked to be the one that was opened: nobody wrote to it meanwhile.

    Args:
        location: a path, or a URL in a remote store.
        encoding: decoded strictly; a byte order mark is dropped.
        newline: as for ``open``; ``csv`` wants ``""``.
        max_unpacked_bytes: limit on the size of the content of a compressed file.
        max_unpacked_ratio: limit on that size as a multiple of the file's own; it counts above 256 MiB.

    Yields:
        A text stream with `source`, and `position` and `size` in bytes for the progress.

    Raises:
        InputError: ``input.missing``, ``input.unreadable``, ``input.undecodable``, ``input.compressed``,
            ``input.unpacked_size``, ``input.changed`` and others of ERRORS.md.

    Example:
        >>> with open_text("orders.csv.gz", newline="") as text:  # doctest: +SKIP
        ...     rows = list(csv.DictReader(text))
    """
    codec = parse_encoding(encoding)
    limits = UnpackLimits(max_unpacked_bytes, max_unpacked_ratio)
    with _open_content(location, limits) as content, TextInput(content, codec, newline) as stream:
        yield stream


@contextmanager
def open_binary(
    location: str | os.PathLike[str] | Url,
    *,
    max_unpacked_bytes: int = DEFAULT_MAX_UNPACKED_BYTES,
    max_unpacked_ratio: int = DEFAULT_MAX_UNPACKED_RATIO,
) -> Iterator[BinaryInput]:
    """Open a file for reading as bytes, in a stream: `open_text` without decoding.

    Args:
        location: a path, or a URL in a remote store.
        max_unpacked_bytes: as for `open_text`.
        max_unpacked_ratio: as for `open_text`.

    Yields:
        A binary stream with `source`, and `position` and `size` in bytes for the progress.

    Raises:
        InputError: as `open_text`.
    """
    limits = UnpackLimits(max_unpacked_bytes, max_unpacked_ratio)
    with _open_content(location, limits) as content, BinaryInput(content) as stream:
        yield stream


@contextmanager
def _open_content(location: str | os.PathLike[str] | Url, limits: UnpackLimits) -> Iterator[Content]:
    with open_input(parse_file_location(location)) as file:
        yield Content(file, limits)
        file.check_unchanged()


class _RawOutput(io.RawIOBase):
    """An output as a raw stream."""

    def __init__(self, output: "Output") -> None:
        self._output = output

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer", /) -> int:
        return self._output.write(data)


@contextmanager
def create_binary(location: str | os.PathLike[str] | Url) -> "Iterator[io.BufferedWriter[io.RawIOBase]]":
    """Write a file of bytes that appears whole, at the end of the block, or not at all.

    It replaces a file of that name, and has its permissions; of a symbolic link, the file that it names. If
    the block raises an exception, or the process is killed, the old file is still there. A folder that is
    missing is made.

    Args:
        location: a path, or a URL in a remote store.

    Raises:
        OutputError: ``output.no_space``, ``output.denied`` and others of ERRORS.md; ``output.taken``: there
            is a folder, a FIFO or a device.
    """
    place = parse_file_location(location)
    mode = None
    if isinstance(place, Path):
        place, mode = _follow_links(place)
    with open_output(place) as output:
        if mode is not None:
            cast("Draft", output).mode = mode
        raw: io.RawIOBase = _RawOutput(output)
        stream = io.BufferedWriter(raw, BLOCK)
        try:
            yield stream
            stream.flush()
            output.publish([place], lambda _: True)
        finally:
            with suppress(OutputError):  # after a failure, what is left in the buffer is discarded
                stream.close()


def _follow_links(path: Path) -> tuple[Path, int | None]:
    """Return where a file is to be written, and its permissions if it exists.

    Raises:
        OutputError: ``output.taken``: there is something else than a file.
    """
    try:
        path = path.resolve()
        status = path.stat()
    except FileNotFoundError:
        return path, None
    except (OSError, RuntimeError) as error:  # the latter for a loop of links
        raise OutputError("output.failed", f"{escape(path)}: cannot be written: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise OutputError("output.taken", f"{escape(path)}: is no regular file; name another one")
    return path, stat.S_IMODE(status.st_mode)


@contextmanager
def create_text(
    location: str | os.PathLike[str] | Url, encoding: str = "utf-8", newline: str | None = None
) -> Iterator[TextIO]:
    """Write a text file that appears whole, at the end of the block, or not at all: `create_binary`, encoded.

    Args:
        location: a path, or a URL in a remote store.
        encoding: of the file.
        newline: as for ``open``; ``csv`` wants ``""``.

    Raises:
        OutputError: as `create_binary`.
        ValueError: the name says that the file is compressed, which it would not be.

    Example:
        >>> with create_text("report.csv", newline="") as file:  # doctest: +SKIP
        ...     csv.writer(file).writerows(rows)
    """
    codec = parse_encoding(encoding)
    if is_compressed(parse_file_location(location)):
        raise ValueError(f"{location}: text is not compressed; write it by create_binary and a compressor")
    with create_binary(location) as stream:
        text = io.TextIOWrapper(stream, codec, newline=newline)
        try:
            yield text
            text.flush()
        finally:
            with suppress(OutputError, ValueError):  # the latter if the block has closed it
                text.detach()
