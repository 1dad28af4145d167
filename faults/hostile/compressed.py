"""Hostile compressed files: unpacked or refused in bounded memory and linear time."""

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random

from sweep import Point

from pipeline_jobs.storage.decompression import ZSTD

from .bounded import run_bounded

_NAMED = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"  # the header of a gzip file, up to the name
_RLE_BLOCK = 1 << 17  # bytes of a block of zstd that repeats one


def _make_xz(code: int) -> bytes:
    """Make a file that asks for a dictionary: 40 stands for 4 GiB, two less for half of that."""
    data = bytearray(lzma.compress(b"x\n", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]))
    end = 12 + (data[12] + 1) * 4 - 4  # of the block's header, before its checksum
    data[16] = code
    data[end : end + 4] = struct.pack("<I", zlib.crc32(data[12:end]))
    return bytes(data)


def _make_zst_window(log: int) -> bytes:
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(log - 10) << 3]) + b"\x11\0\0x\n"


def _make_zst_bomb(byte: bytes, size: int) -> bytes:
    block = struct.pack("<I", _RLE_BLOCK << 3 | 1 << 1)[:3] + byte
    return b"\x28\xb5\x2f\xfd\x00\x58" + block * (size // _RLE_BLOCK) + b"\x01\0\0"


def _make_bomb(compress: Callable[[bytes], bytes], members: int) -> bytes:
    """Make a file whose members each unpack to 16 MiB of equal lines."""
    return compress((255 * b"x" + b"\n") * (16 << 12)) * members


def _draw_files(chance: Random) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """Yield the ending, what is hostile, and a function that makes the file."""
    for code in (30, 33, 37, 38, 39, 40):
        yield ".xz", f"a dictionary of code {code}", partial(_make_xz, code)
    for log in (28, 30, 31, chance.randrange(32, 42)):
        yield ".zst", f"a window of 2^{log} bytes", partial(_make_zst_window, log)
    gigabytes = chance.randrange(2, 9)
    for byte in (b"\n", b" "):
        yield ".zst", f"{gigabytes} GiB of {byte!r}", partial(_make_zst_bomb, byte, gigabytes << 30)
    codecs: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
    }
    codecs[".zst"] = import_module(ZSTD).compress
    for ending, compress in codecs.items():
        members = chance.randrange(17, 100)
        yield ending, f"{members} members of 16 MiB of equal lines", partial(_make_bomb, compress, members)
        count = chance.randrange(50_000, 100_000)
        yield ending, f"{count} empty members", partial(lambda one, count: one * count, compress(b""), count)
    size = chance.randrange(5_000_000, 50_000_000)
    yield ".gz", f"a name of {size} bytes", lambda: _NAMED + size * b"n" + b"\0" + gzip.compress(b"x")[10:]
    yield ".gz", f"a name of {size} bytes without an end", lambda: _NAMED + size * b"n"


def make_compressed_points(chance: Random) -> list[Point]:
    """Make a point for each kind of hostile compressed file."""
    return [
        Point(f"x{ending} with {what}", partial(_check_file, ending, make))
        for ending, what, make in _draw_files(chance)
    ]


def _check_file(ending: str, make: Callable[[], bytes], folder: Path) -> str:
    (folder / f"x{ending}").write_bytes(make())
    return run_bounded(["run-all", f"x{ending}"], folder)
