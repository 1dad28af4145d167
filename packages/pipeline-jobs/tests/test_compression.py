"""Compressed files: the same records as from the plain one, or a refusal."""

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

from pipeline_jobs import InputError, JobA, compression
from pipeline_jobs.compression import content_blocks, content_stem
from pipeline_jobs.input_file import InputFile

zstd = import_module(compression._ZSTD)

CODECS = {".bz2": bz2, ".gz": gzip, ".xz": lzma, ".zst": zstd}
TEXT = "".join(f"{n}: größe {'x' * (n % 50)}\n" for n in range(2_000)).encode()


def content(path, data):
    path.write_bytes(data)
    with InputFile(path) as file:
        return b"".join(content_blocks(file, file))


@pytest.fixture
def refused(tmp_path):
    """Returns code and message of the refusal of a file."""

    def outcome(name, data):
        with pytest.raises(InputError) as caught:
            content(tmp_path / name, data)
        return caught.value.code, str(caught.value).replace(str(tmp_path), "")

    return outcome


@pytest.mark.parametrize("ending", CODECS)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.sampled_from([1, 7, 100, 1 << 20]))
def test_members_in_a_row_are_one_content(tmp_path_factory, pieces_of, ending, parts, block):
    """As ``cat a.gz b.gz`` makes them, in blocks that end anywhere."""
    path = tmp_path_factory.mktemp("compressed") / f"x{ending}"
    with pieces_of(block):
        assert b"".join(parts) == content(path, b"".join(map(CODECS[ending].compress, parts)))


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_a_plain_file_is_its_own_content(tmp_path, pieces_of, size):
    (tmp_path / "x.txt").write_bytes(b"0123456789")

    with InputFile(tmp_path / "x.txt") as file, pieces_of(size):
        blocks = list(content_blocks(file, file))

    assert b"0123456789" == b"".join(blocks)
    assert {size} >= {len(block) for block in blocks[:-1]}


@pytest.mark.parametrize("ending", CODECS)
def test_a_block_is_no_longer_than_it_may_be(tmp_path, pieces_of, ending):
    """However much a few bytes may hold: a gigabyte of zeros is a megabyte."""
    path = tmp_path / f"x{ending}"
    path.write_bytes(CODECS[ending].compress(bytes(1_000_000)))

    with InputFile(path) as file, pieces_of(1000):
        sizes = [len(block) for block in content_blocks(file, file)]

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
def test_damage_is_refused_wherever_it_is(refused, ending, damage):
    """Also after the first member, where Python's own file objects for bz2 and xz pass over it."""
    code, message = refused(f"x{ending}", damage(CODECS[ending].compress(TEXT)))

    assert "input.compressed" == code
    assert message.startswith(f"/x{ending}: cannot be decompressed: ")
    assert message.endswith("; make or fetch the file again")


@pytest.mark.parametrize("ending", [".bz2", ".gz", ".xz"])
def test_zeros_after_it_are_no_damage(tmp_path, ending):
    """Tapes and some file systems add them."""
    data = CODECS[ending].compress(TEXT)

    assert TEXT == content(tmp_path / f"x{ending}", data + bytes(4096))
    assert TEXT + TEXT == content(tmp_path / f"x{ending}", data + bytes(4096) + data)


@pytest.mark.parametrize(
    ("ending", "module", "hint"),
    [
        (".zst", compression._ZSTD, f"pip install {compression._ZSTD}"),
        (".xz", "lzma", "another Python has it"),
    ],
)
def test_what_is_not_installed_is_named(tmp_path, ending, module, hint):
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

    reason = f"this Python has no module {module}, which {ending} takes; {hint}"
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
def test_the_stem_is_that_of_the_content(name, stem):
    assert stem == content_stem(Path("folder", name))


@pytest.mark.parametrize("ending", CODECS)
def test_a_compressed_file_gives_the_records_of_the_plain_one(tmp_path, ending):
    """Size and hash are those of the file as it lies there: what ``sha256sum`` says of it."""
    plain, compressed = tmp_path / "x.txt", tmp_path / f"y.txt{ending}"
    plain.write_bytes(TEXT)
    compressed.write_bytes(CODECS[ending].compress(TEXT))
    results = [JobA(tmp_path / "out").execute(path) for path in (plain, compressed)]
    documents = [result.unwrap().read_bytes().partition(b'\n"records"') for result in results]

    assert documents[0][2] == documents[1][2]
    assert results[0].counts == results[1].counts
    assert tmp_path / "out/y_processed.json" == results[1].output
    assert b'"bytes":%d' % compressed.stat().st_size in documents[1][0]
