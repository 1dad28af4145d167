"""Compressed files give the same content as uncompressed ones, or are refused."""

import bz2
import gzip
import lzma
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import InputError, JobA
from pipeline_jobs.storage import decompression
from pipeline_jobs.storage.content import get_content_stem, read_content
from pipeline_jobs.storage.input import LocalInput

zstd = import_module(decompression.ZSTD)

CODECS = {".bz2": bz2, ".gz": gzip, ".xz": lzma, ".zst": zstd}
TEXT = "".join(f"{n}: größe {'x' * (n % 50)}\n" for n in range(2_000)).encode()


def read(path, data):
    path.write_bytes(data)
    with LocalInput(path) as file:
        return b"".join(read_content(file, file))


@pytest.fixture
def read_refused(tmp_path):
    """A function that reads a damaged file and returns the error's code and message."""

    def read_name(name, data):
        with pytest.raises(InputError) as caught:
            read(tmp_path / name, data)
        return caught.value.code, str(caught.value).replace(str(tmp_path), "")

    return read_name


@pytest.mark.parametrize("ending", CODECS)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.sampled_from([1, 7, 100, 1 << 20]))
def test_concatenated_members_are_read_as_one_file(tmp_path_factory, set_block_size, ending, parts, block):
    """``cat a.gz b.gz`` makes such a file; blocks may end anywhere in it."""
    path = tmp_path_factory.mktemp("compressed") / f"x{ending}"
    with set_block_size(block):
        assert b"".join(parts) == read(path, b"".join(map(CODECS[ending].compress, parts)))


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_uncompressed_file_is_read_as_it_is(tmp_path, set_block_size, size):
    (tmp_path / "x.txt").write_bytes(b"0123456789")

    with LocalInput(tmp_path / "x.txt") as file, set_block_size(size):
        blocks = list(read_content(file, file))

    assert b"0123456789" == b"".join(blocks)
    assert {size} >= {len(block) for block in blocks[:-1]}


@pytest.mark.parametrize("ending", CODECS)
def test_decompressed_blocks_are_bounded(tmp_path, set_block_size, ending):
    """A few bytes may hold a lot: a gigabyte of zeros is compressed to a megabyte."""
    path = tmp_path / f"x{ending}"
    path.write_bytes(CODECS[ending].compress(bytes(1_000_000)))

    with LocalInput(path) as file, set_block_size(1000):
        sizes = [len(block) for block in read_content(file, file)]

    assert (1_000_000, 1000) == (sum(sizes), max(sizes))


@pytest.mark.parametrize("ending", CODECS)
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"hello world",
        lambda data: data[:-3],
        lambda data: data[: len(data) // 2],
        lambda data: data[: len(data) // 2] + b"damaged" + data[len(data) // 2 + 7 :],
        lambda data: data + b"and more",
        lambda data: data + data[: len(data) // 2],
        lambda data: data + b"hello" + data[5:],
    ],
    ids=["empty", "plain", "end cut off", "half", "altered", "text after it", "half a member", "bad member"],
)
def test_damage_is_refused_anywhere_in_the_file(read_refused, ending, damage):
    """Also after the first member, where Python's own file objects for bz2 and xz ignore it."""
    code, message = read_refused(f"x{ending}", damage(CODECS[ending].compress(TEXT)))

    assert "input.compressed" == code
    assert message.startswith(f"/x{ending}: cannot be decompressed: ")
    assert message.endswith("; make or fetch the file again")


@pytest.mark.parametrize("ending", [".bz2", ".gz", ".xz"])
def test_trailing_zeros_are_ignored(tmp_path, ending):
    """Tapes and some file systems add zeros."""
    data = CODECS[ending].compress(TEXT)

    assert TEXT == read(tmp_path / f"x{ending}", data + bytes(4096))
    assert TEXT + TEXT == read(tmp_path / f"x{ending}", data + bytes(4096) + data)


@pytest.mark.parametrize(
    ("ending", "module", "hint"),
    [
        (".zst", decompression.ZSTD, f"pip install {decompression.ZSTD}"),
        (".xz", "lzma", "use a Python that has it"),
    ],
)
def test_missing_decompressor_is_named(tmp_path, ending, module, hint):
    script = f"""
import sys
sys.modules[{module!r}] = None
from pathlib import Path
from pipeline_jobs import JobA
result = JobA(Path("out")).execute("x{ending}")
print(result.code, result.error.rpartition(": ")[2], Path("out").exists())
"""
    (tmp_path / f"x{ending}").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    reason = f"{ending} files need the module {module}, which is not installed; {hint}"
    assert f"input.codec {reason} False\n" == done.stdout


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("x.txt", "x"),
        ("x.txt.gz", "x"),
        ("x.TXT.GZ", "x"),
        ("x.gz", "x"),
        ("x.tar.y.zst", "x.tar"),
        ("x", "x"),
        (".x.gz", ".x"),
        ("x.y.txt", "x.y"),
    ],
)
def test_content_stem_drops_both_endings(name, stem):
    assert stem == get_content_stem(Path("folder", name))


@pytest.mark.parametrize("ending", CODECS)
def test_compressed_file_gives_the_same_records(tmp_path, ending):
    """Size and hash in the document are those of the compressed file, as ``sha256sum`` gives them."""
    plain, compressed = tmp_path / "x.txt", tmp_path / f"y.txt{ending}"
    plain.write_bytes(TEXT)
    compressed.write_bytes(CODECS[ending].compress(TEXT))
    results = [JobA(tmp_path / "out").execute(path) for path in (plain, compressed)]
    documents = [result.unwrap().read_bytes().partition(b'\n"records"') for result in results]

    assert documents[0][2] == documents[1][2]
    assert results[0].counts == results[1].counts
    assert tmp_path / "out/y_processed.json" == results[1].output
    assert b'"bytes":%d' % compressed.stat().st_size in documents[1][0]
