"""Compressed files, told by the ending of their name: their content, block by block."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import InputError
from .input_file import BLOCK

if TYPE_CHECKING:
    from .places import Input
    from .url import Location

_ENDINGS = frozenset({".bz2", ".gz", ".xz", ".zst"})
_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes, none only at the end."""


class _Decompressor(Protocol):
    """What the decompressors of `bz2`, `lzma` and `zstd` have in common: each takes one member of a file."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


type _Blocks = Callable[[Readable], Iterator[bytes]]


def content_stem(path: "Location") -> str:
    """Return a file's name without its ending: ``x`` for ``x.txt`` and for ``x.txt.gz``."""
    return Path(path.stem).stem if _ending(path) in _ENDINGS else path.stem


def content_blocks(file: "Input", raw: Readable) -> Iterator[bytes]:
    """Yield the content of a file in blocks, decompressed if its name says that it is compressed.

    Args:
        file: the file, for its name.
        raw: where its bytes are read from, to the last one.

    Raises:
        InputError: ``input.codec``: what decompresses it is not installed; ``input.compressed``: damaged;
            and what `raw` raises.
    """
    blocks, damage = _codec(file)
    try:
        if damage and not file.size:
            raise EOFError("it is empty")  # an empty file is none of these, whatever gzip says
        yield from blocks(raw)
    except damage as error:
        text = f"{file.where}: cannot be decompressed: {error}; make or fetch the file again"
        raise InputError("input.compressed", text) from error


def _codec(file: "Input") -> tuple[_Blocks, tuple[type[Exception], ...]]:
    """Return what yields the content, and what that raises for damage; imported only when it is needed."""
    try:
        match _ending(file.path):
            case ".bz2":
                return partial(_members, import_module("bz2").BZ2Decompressor), (EOFError, OSError)
            case ".gz":
                return _gzip, (EOFError, OSError, import_module("zlib").error)
            case ".xz":
                lzma = import_module("lzma")
                return partial(_members, lzma.LZMADecompressor), (EOFError, lzma.LZMAError)
            case ".zst":
                zstd = import_module(_ZSTD)
                return partial(_members, zstd.ZstdDecompressor), (EOFError, zstd.ZstdError)
            case _:
                return _plain, ()
    except ImportError as error:
        hint = f"pip install {_ZSTD}" if str(error.name).startswith("backports") else "another Python has it"
        text = (
            f"{file.where}: this Python has no module {error.name}, which {_ending(file.path)} takes; {hint}"
        )
        raise InputError("input.codec", text) from error


def _ending(path: "Location") -> str:
    return path.suffix.lower()


def _plain(raw: Readable) -> Iterator[bytes]:
    while block := raw.read(BLOCK):
        yield block


def _gzip(raw: Readable) -> Iterator[bytes]:
    return _plain(import_module("gzip").GzipFile(fileobj=raw))


def _members(new: Callable[[], _Decompressor], raw: Readable) -> Iterator[bytes]:
    """Decompress member after member; `bz2.open` and `lzma.open` would pass over damage after the first."""
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
