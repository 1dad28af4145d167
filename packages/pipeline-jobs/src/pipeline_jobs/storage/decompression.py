"""Decompression of files, in bounded memory and up to a limit: a few kilobytes may hold gigabytes."""

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from pipeline_jobs.exceptions import InputError

from .input import BLOCK

if TYPE_CHECKING:
    from .content import Readable, UnpackLimits
    from .input import Input

UNLIMITED_RATIO_BYTES = 256 << 20
"""Bytes up to which the ratio does not count: they take seconds, and small files may hold equal lines."""
MAX_WINDOW_BYTES = 128 << 20
"""Memory that a file may ask for to be unpacked: twice that of ``xz -9``, and all that ``zstd`` allows."""
_ZEROS = re.compile(rb"\0*")
_FIRST_PIECE = 1 << 12
"""Bytes that the decompressor of a member gets first: what is behind a small member is copied."""
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
"""The module for .zst files: that of Python 3.14, or the same for those before."""


class _Decompressor(Protocol):
    """The interface of the decompressors of `bz2`, `lzma` and `zstd`: an object for each member of a file."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: memoryview, max_length: int) -> bytes: ...


type _Decoder = Callable[["Readable"], Iterator[bytes]]


def decompress(file: "Input", raw: "Readable", limits: "UnpackLimits | None") -> Iterator[bytes]:
    """Yield the content of a compressed file in blocks.

    Memory is bounded whatever the file holds: a block, and 128 MiB that a file may ask for to be unpacked.

    Args:
        file: the file, for its name and size.
        raw: the stream that its bytes are read from, to the last one.
        limits: on the content; None for no limits.

    Raises:
        InputError: ``input.codec``: the module that decompresses it is not installed; ``input.compressed``:
            it is damaged, or asks for too much memory; ``input.unpacked_size``: its content is larger than
            the limits; and what `raw` raises.
    """
    decode, damage = _import_decoder(file)
    most, ratio = limits or (sys.maxsize, sys.maxsize)
    left = min(most, max(UNLIMITED_RATIO_BYTES, ratio * file.size))
    try:
        if not file.size:
            raise EOFError("it is empty")
        for block in decode(raw):
            left -= len(block)
            if left < 0:
                raise _make_size_error(file, most, ratio)
            yield block
    except damage as error:
        hint = "make or fetch the file again"
        if "memory" in str(error).lower():  # as lzma and zstd say it
            hint = f"compress it again, with a window of at most {MAX_WINDOW_BYTES >> 20} MiB"
        text = f"{file.where}: cannot be decompressed: {error}; {hint}"
        raise InputError("input.compressed", text) from error


def _make_size_error(file: "Input", most: int, ratio: int) -> InputError:
    by_ratio = max(UNLIMITED_RATIO_BYTES, ratio * file.size)
    if most <= by_ratio:
        text = f"unpacks to more than {most} bytes; allow more with --max-unpacked-bytes"
    else:
        text = (
            f"unpacks to more than {by_ratio} bytes, over {ratio} times its size; "
            "if it is no attack, allow more with --max-unpacked-ratio"
        )
    return InputError("input.unpacked_size", f"{file.where}: {text}")


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
                zlib = import_module("zlib")
                new = partial(_GzipDecompressor, zlib.decompressobj)
                return partial(_decode_members, new), (EOFError, zlib.error)
            case ".xz":
                lzma = import_module("lzma")
                new = partial(lzma.LZMADecompressor, memlimit=MAX_WINDOW_BYTES + (1 << 20))
                return partial(_decode_members, new), (EOFError, lzma.LZMAError)
            case _:
                zstd = import_module(ZSTD)
                return partial(_decode_members, zstd.ZstdDecompressor), (EOFError, zstd.ZstdError)
    except ImportError as error:
        is_extra = str(error.name).startswith("backports")
        hint = f"pip install {ZSTD}" if is_extra else "use a Python that has it"
        text = f"{file.where}: {ending} files need the module {error.name}, which is not installed; {hint}"
        raise InputError("input.codec", text) from error


class _GzipDecompressor:
    """A member of a gzip file.

    Not by `gzip`, which reads the name in a header byte by byte: it may be gigabytes long.
    """

    def __init__(self, new: Callable[..., Any]) -> None:
        self._inflater = new(wbits=31)  # 15 for the window, 16 for gzip's header and checksum
        self._is_full = False

    @property
    def eof(self) -> bool:
        return bool(self._inflater.eof)

    @property
    def needs_input(self) -> bool:
        return not (self._is_full or self._inflater.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inflater.unused_data)

    def decompress(self, data: memoryview, max_length: int) -> bytes:
        block: bytes = self._inflater.decompress(data or self._inflater.unconsumed_tail, max_length)
        self._is_full = len(block) == max_length  # there may be more, though all input is taken
        return block


def _decode_members(new: Callable[[], _Decompressor], raw: "Readable") -> Iterator[bytes]:
    """Decompress member after member.

    Not by `bz2.open` and `lzma.open`, nor xopen 2.1 or smart_open 9.0, which use them: they take damage after
    the first member for the end of the file.
    """
    data, at = memoryview(raw.read(BLOCK)), 0
    while data:
        member, size = new(), _FIRST_PIECE
        while not member.eof:
            piece = data[:0]
            if member.needs_input:
                if at == len(data):
                    data, at = memoryview(raw.read(BLOCK)), 0
                    if not data:
                        raise EOFError("the end is missing")
                piece = data[at : at + size]
                at += len(piece)
                size = min(2 * size, BLOCK)
            if block := member.decompress(piece, BLOCK):
                yield block
        at -= len(member.unused_data)
        while data and (at := _ZEROS.match(data, at).end()) == len(data):  # type: ignore[union-attr]  # it always matches
            data, at = memoryview(raw.read(BLOCK)), 0
