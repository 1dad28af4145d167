"""The content of an opened file: decompressed if its name says so, and its bytes hashed as they are read."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .input import BLOCK

if TYPE_CHECKING:
    from collections.abc import Buffer

    from .input import Input
    from .location import Location, Source

_ENDINGS = frozenset({".bz2", ".gz", ".xz", ".zst"})


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes; none only at the end."""


class UnpackLimits(NamedTuple):
    """Limits on the content of a compressed file.

    Args:
        size: of the content, in bytes.
        ratio: of that size to the file's own; it counts above 256 MiB.
    """

    size: int
    ratio: int


class Content(io.RawIOBase):
    """The content of a file, as blocks or as a raw stream; use one of the two.

    Args:
        file: opened, and not read yet.
        limits: on the content of a compressed file; None for no limits.

    Attributes:
        source: the file as a source, without its size and hash.
        blocks: the content, in blocks of bytes.
    """

    def __init__(self, file: "Input", limits: UnpackLimits | None = None) -> None:
        self.file = file
        self.limits = limits
        self.source = file.source
        self._original = _MeasuredInput(file)
        self.blocks = read_content(file, self._original, limits)
        self._block = memoryview(b"")
        self._position = 0

    @property
    def position(self) -> int:
        """Bytes of the file, as it lies there, that are read."""
        return self._original.size

    def measure(self) -> "Source":
        """Return the file as a source with size and hash; what is not read of it yet, is read now.

        Raises:
            InputError: ``input.changed``, or it cannot be read.
        """
        while self._original.read(BLOCK):
            pass
        self.file.check_unchanged()
        size, sha256 = self._original.size, self._original.hash.hexdigest()
        return replace(self.source, size=size, sha256=sha256)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        """Read into a buffer, and return the number of bytes; 0 at the end."""
        target = memoryview(buffer).cast("B")
        while not self._block:
            if (block := next(self.blocks, None)) is None:
                return 0
            self._block = memoryview(block)
        size = min(len(target), len(self._block))
        target[:size] = self._block[:size]
        self._block = self._block[size:]
        self._position += size
        return size

    def tell(self) -> int:
        """Return how many bytes of the content are read."""
        return self._position


class _MeasuredInput:
    """An input whose bytes are counted and hashed as they are read."""

    def __init__(self, file: "Input") -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes; fewer only at the end."""
        block = self._file.read(size)
        self.hash.update(block)
        self.size += len(block)
        return block


def is_compressed(location: "Location") -> bool:
    """Return whether the name of a file says that it is compressed."""
    return location.suffix.lower() in _ENDINGS


def get_content_stem(location: "Location") -> str:
    """Return a file's name without its endings: ``x`` for ``x.txt`` and for ``x.txt.gz``."""
    stem = location.stem
    return Path(stem).stem if is_compressed(location) else stem


def read_content(file: "Input", raw: Readable, limits: UnpackLimits | None = None) -> Iterator[bytes]:
    """Return the content of a file in blocks, decompressed if its name says that it is compressed.

    Args:
        file: the file, for its name and size.
        raw: the stream that its bytes are read from, to the last one.
        limits: on the content, if it is compressed; None for no limits.

    Raises:
        InputError: at the first block or later: ``input.codec``, ``input.compressed`` and
            ``input.unpacked_size``, see `decompression.decompress`; and what `raw` raises.
    """
    if file.path.suffix.lower() in _ENDINGS:
        from .decompression import decompress  # noqa: PLC0415  # most runs need none of it

        return decompress(file, raw, limits)
    return iterate_blocks(raw)


def iterate_blocks(raw: Readable) -> Iterator[bytes]:
    """Return the bytes of a stream in blocks."""
    return iter(partial(raw.read, BLOCK), b"")
