"""Compressed files that somebody made to exhaust memory or time are refused, or read, within bounds."""

import bz2
import gzip
import lzma
import struct
import subprocess
import sys
import zlib
from importlib import import_module

import pytest

from pipeline_jobs import InputError, JobA, open_binary, open_text
from pipeline_jobs.documents.size_limits import DEFAULT_MAX_UNPACKED_RATIO
from pipeline_jobs.storage import decompression

zstd = import_module(decompression.ZSTD)
CODECS = {".bz2": bz2, ".gz": gzip, ".xz": lzma, ".zst": zstd}

MEGABYTES = 250
READ = f"""
import resource, sys
from pathlib import Path
from pipeline_jobs import InputError, open_binary
resource.setrlimit(resource.RLIMIT_DATA, ({MEGABYTES} << 20, {MEGABYTES} << 20))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
size = 0
try:
    with open_binary(Path(sys.argv[1])) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
    print("read", size)
except InputError as error:
    print(error.code, str(error).partition(": ")[2])
"""


def make_xz_with_dictionary(code):
    """Return a file of two bytes whose header asks for a dictionary; 28 stands for 64 MiB, 37 for 1.5 GiB."""
    data = bytearray(lzma.compress(b"x\n", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]))
    size = (data[12] + 1) * 4  # of the block's header, which ends in its checksum
    assert 0x21 == data[14]
    data[16] = code
    data[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(data[12 : 12 + size - 4]))
    return bytes(data)


def make_zst_with_window(log):
    """Return a file of two bytes whose header asks for a window of 2 to the power of `log` bytes."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(log - 10) << 3]) + b"\x11\0\0x\n"


def make_zst_of_equal_bytes(size):
    """Return a file that unpacks to lines of one NUL-free character: four bytes for each 128 KiB."""
    blocks, block = size >> 17, (1 << 17) << 3 | 1 << 1
    return (
        b"\x28\xb5\x2f\xfd\x00\x58"
        + (struct.pack("<I", block)[:3] + b"\n") * blocks
        + struct.pack("<I", 1)[:3]
    )


NAME = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("x.xz", lambda: make_xz_with_dictionary(28), "read 2\n"),
        (
            "x.xz",
            lambda: make_xz_with_dictionary(37),
            "Memory usage limit exceeded; compress it again, with a window of at most 128 MiB\n",
        ),
        ("x.zst", lambda: make_zst_with_window(27), "read 2\n"),
        ("x.zst", lambda: make_zst_with_window(31), "compress it again, with a window of at most 128 MiB\n"),
        (
            "x.zst",
            lambda: make_zst_of_equal_bytes(4 << 30),
            "input.unpacked_size unpacks to more than 268435456 bytes, over 2000 times its size",
        ),
        ("x.gz", lambda: NAME + 50_000_000 * b"n" + b"\0" + gzip.compress(b"x\n")[10:], "read 2\n"),
        ("x.gz", lambda: NAME + 50_000_000 * b"n", "input.compressed"),
        ("x.gz", lambda: 200_000 * gzip.compress(b""), "read 0\n"),
        ("x.bz2", lambda: 1_000_000 * bz2.compress(b""), "read 0\n"),
        ("x.xz", lambda: 300_000 * lzma.compress(b""), "read 0\n"),
        ("x.zst", lambda: 300_000 * zstd.compress(b""), "read 0\n"),
        ("x.gz", lambda: gzip.compress(b"x") + 100_000_000 * b"\0", "read 1\n"),
    ],
    ids=[
        "xz, 64 MiB",
        "xz, 1.5 GiB",
        "zst, 128 MiB",
        "zst, 2 GiB",
        "a bomb",
        "gzip, a long name",
        "gzip, an endless name",
        "gzip, tiny members",
        "bz2, tiny members",
        "xz, tiny members",
        "zst, tiny members",
        "gzip, zeros",
    ],
)
def test_memory_and_time_for_a_compressed_file_are_bounded(tmp_path, name, make, expected):
    """Members that are copied again and again would take minutes."""
    (tmp_path / name).write_bytes(make())

    done = subprocess.run(
        [sys.executable, "-c", READ, tmp_path / name], capture_output=True, text=True, check=True
    )

    assert expected in done.stdout


@pytest.mark.parametrize("ending", CODECS)
def test_content_larger_than_the_limit_is_refused(tmp_path, ending):
    path = tmp_path / f"x{ending}"
    path.write_bytes(CODECS[ending].compress(10_000 * b"x\n"))

    with open_binary(path, max_unpacked_bytes=20_000) as stream:
        assert 20_000 == len(stream.read())
    result = JobA(tmp_path / "out", max_unpacked_bytes=19_999).execute(path)

    hint = "unpacks to more than 19999 bytes; allow more with --max-unpacked-bytes"
    assert ("input.unpacked_size", f"{path}: {hint}") == (result.code, result.error)
    assert not result.retriable
    assert not (tmp_path / "out").exists()


def test_ratio_counts_above_a_size(tmp_path, monkeypatch):
    """Small files may hold equal lines; the size is that of all members together."""
    monkeypatch.setattr(decompression, "UNLIMITED_RATIO_BYTES", 5000)
    path = tmp_path / "x.gz"
    path.write_bytes(2 * gzip.compress(2500 * b"\n"))
    size = path.stat().st_size

    with open_binary(path, max_unpacked_ratio=1) as stream:
        assert 5000 == len(stream.read())
    path.write_bytes(2 * gzip.compress(2500 * b"\n") + gzip.compress(b"\n"))
    with (
        pytest.raises(InputError, match="over 2 times its size"),
        open_text(path, max_unpacked_ratio=2) as text,
    ):
        text.read()
    with open_text(path, max_unpacked_ratio=5001 // size + 1) as text:
        assert 5001 == len(text.read())


def test_limits_concern_compressed_files_only(tmp_path):
    (tmp_path / "x.txt").write_bytes(5000 * b"\n")

    result = JobA(tmp_path, max_unpacked_bytes=1, max_unpacked_ratio=1).execute(tmp_path / "x.txt")

    assert 5000 == result.counts["blank"]


def test_honest_text_is_far_from_the_default_ratio():
    """Lines that differ by a counter only, compressed as strongly as can be."""
    text = b"".join(b"2024-01-01 00:00:00 INFO nothing to do for number %d\n" % n for n in range(100_000))

    ratios = [len(text) / len(codec.compress(text)) for codec in CODECS.values()]

    assert DEFAULT_MAX_UNPACKED_RATIO > 5 * max(ratios)
