"""The content of an opened file: decompressed if its name says so, and its bytes hashed as they are read."""

import hashlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline_jobs.exceptions import InputError

from .input import BLOCK

if TYPE_CHECKING:
    from collections.abc import Buffer

    from .input import Input
    from .location import Location, Source

_ENDINGS = frozenset({".bz2", ".gz", ".xz", ".zst"})
_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes; none only at the end."""


class _Decompressor(Protocol):
    """The common interface of the decompressors of `bz2`, `lzma` and `zstd`: one object for each member."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


type _Decoder = Callable[[Readable], Iterator[bytes]]


class Content(io.RawIOBase):
    """The content of a file, as blocks or as a raw stream; use one of the two.

    Args:
        file: opened, and not read yet.

    Attributes:
        source: the file as a source, without its size and hash.
        blocks: the content, in blocks of bytes.
    """

    def __init__(self, file: "Input") -> None:
        self.file = file
        self.source = file.source
        self._original = _MeasuredInput(file)
        self.blocks = read_content(file, self._original)
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


def read_content(file: "Input", raw: Readable) -> Iterator[bytes]:
    """Yield the content of a file in blocks, decompressed if its name says that it is compressed.

    Args:
        file: the file, for its name and size.
        raw: the stream that its bytes are read from, to the last one.

    Raises:
        InputError: ``input.codec``: the module that decompresses it is not installed; ``input.compressed``:
            it is damaged; and what `raw` raises.
    """
    decode, damage = _import_decoder(file)
    try:
        if damage and not file.size:
            raise EOFError("it is empty")  # gzip would accept it
        yield from decode(raw)
    except damage as error:
        text = f"{file.where}: cannot be decompressed: {error}; make or fetch the file again"
        raise InputError("input.compressed", text) from error


def _import_decoder(file: "Input") -> tuple[_Decoder, tuple[type[Exception], ...]]:
    """Return the decoder for a file, and the exceptions that it raises for damage.

    The libraries are imported here because a run needs one of them, or none.
    """
    ending = file.path.suffix.lower()
    try:
        match ending:
            case ".bz2":
                return partial(_decode_members, import_module("bz2").BZ2Decompressor), (EOFError, OSError)
            case ".gz":
                return _decode_gzip, (EOFError, OSError, import_module("zlib").error)
            case ".xz":
                lzma = import_module("lzma")
                return partial(_decode_members, lzma.LZMADecompressor), (EOFError, lzma.LZMAError)
            case ".zst":
                zstd = import_module(_ZSTD)
                return partial(_decode_members, zstd.ZstdDecompressor), (EOFError, zstd.ZstdError)
            case _:
                return _iterate_blocks, ()
    except ImportError as error:
        is_extra = str(error.name).startswith("backports")
        hint = f"pip install {_ZSTD}" if is_extra else "use a Python that has it"
        text = f"{file.where}: {ending} files need the module {error.name}, which is not installed; {hint}"
        raise InputError("input.codec", text) from error


def _iterate_blocks(raw: Readable) -> Iterator[bytes]:
    return iter(partial(raw.read, BLOCK), b"")


def _decode_gzip(raw: Readable) -> Iterator[bytes]:
    return _iterate_blocks(import_module("gzip").GzipFile(fileobj=raw))


def _decode_members(new: Callable[[], _Decompressor], raw: Readable) -> Iterator[bytes]:
    """Decompress member after member.

    Not by `bz2.open` and `lzma.open`, nor xopen 2.1 or smart_open 9.0, which use them: they take damage after
    the first member for the end of the file.
    """
    data = raw.read(BLOCK)
    while data:
        member = new()
        while not member.eof:
            if member.needs_input and not data and not (data := raw.read(BLOCK)):
                raise EOFError("the end is missing")
            if block := member.decompress(data, BLOCK):
                yield block
            data = b""
        data = member.unused_data.lstrip(b"\0")
        while not data and (block := raw.read(BLOCK)):
            data = block.lstrip(b"\0")
