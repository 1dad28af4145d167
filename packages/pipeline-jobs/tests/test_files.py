"""Files for jobs of one's own: read as text or bytes, refused in words, written whole or not at all."""

import bz2
import csv
import gzip
import io
import os
import resource
import stat
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import (
    InputError,
    OutputError,
    create_binary,
    create_text,
    open_binary,
    open_text,
    parse_location,
)
from pipeline_jobs.storage.content import Content
from pipeline_jobs.storage.input import open_input

LINES = "größe,menge\r\n1,2\r\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.csv"


@pytest.mark.parametrize(
    ("suffix", "compress"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)]
)
def test_text_is_decompressed_and_decoded(tmp_path, suffix, compress):
    """With ``newline=""`` a line keeps its end, as csv wants it; a byte order mark is dropped."""
    path = tmp_path / f"x.csv{suffix}"
    path.write_bytes(compress(b"\xef\xbb\xbf" + LINES.encode()))

    with open_text(str(path), newline="") as text:
        assert [{"größe": "1", "menge": "2"}] == list(csv.DictReader(text))
        assert (path.as_uri(), path.name) == (text.source.uri, text.source.name)
        assert path.stat().st_size == text.position == text.size
    with open_text(path) as text:
        assert LINES.replace("\r\n", "\n") == text.read()
    with open_binary(path) as file:
        assert b"\xef\xbb\xbf" + LINES.encode() == file.read()
        assert path.stat().st_size == file.position == file.size
    assert text.closed
    assert file.closed


def test_text_may_have_any_encoding(path):
    path.write_bytes(LINES.encode("utf-16"))

    with open_text(path, "utf-16") as text:
        assert LINES.splitlines() == [line.rstrip() for line in text]


def test_files_of_a_store_are_opened_and_written(bucket):
    with create_text("memory://out/y.csv") as file:
        file.write("two\n")
    with create_binary(parse_location("memory://out/x.csv.gz")) as file:
        file.write(gzip.compress(b"one\n"))

    with open_text("memory://out/x.csv.gz") as text:
        assert ["one\n"] == list(text)
    with open_text("memory://out/y.csv") as text:
        assert "two\n" == text.read()
    with open_text("memory://out/x.csv.gz") as text:
        assert "memory://out/x.csv.gz" == text.source.uri


@given(content=st.binary(max_size=200), sizes=st.lists(st.integers(1, 9), max_size=9))
def test_bytes_are_read_in_any_portions(tmp_path_factory, set_block_size, content, sizes):
    path = tmp_path_factory.getbasetemp() / "portions.bz2"
    path.write_bytes(bz2.compress(content))
    with set_block_size(3), open_binary(path) as file:
        found = b"".join(file.read(size) for size in sizes) + file.read()

    assert content == found


@pytest.mark.parametrize("read", [list, lambda text: text.read(), lambda text: text.readlines()])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_undecodable_text_names_byte_and_line(tmp_path, read, suffix):
    """Also far behind the blocks and lines that are read at once, and in a multiple of lines."""
    path = tmp_path / f"x.txt{suffix}"
    content = 200_000 * b"line\xc3\xa4\n" + b"end\xff\n"
    path.write_bytes(gzip.compress(content) if suffix else content)

    with pytest.raises(InputError) as caught, open_text(path) as text:
        read(text)

    where = f"{path}, byte {len(content) - 2}, line 200001"
    hint = "if the file has another encoding, set it with --encoding"
    assert ("input.undecodable", f"{where}: not utf-8; {hint}") == (caught.value.code, str(caught.value))


def test_undecodable_text_names_what_it_looks_like(path):
    path.write_bytes(gzip.compress(b"one\n"))

    with (
        pytest.raises(InputError, match="compressed by gzip"),
        open_text(path) as text,
    ):
        text.read()


def test_text_without_the_mark_of_its_encoding_is_undecodable(path):
    path.write_bytes(b"o\0n\0")

    with (
        pytest.raises(InputError, match="byte 0, line 1: not utf-16") as caught,
        open_text(path, "utf-16") as text,
    ):
        text.read()
    assert "input.undecodable" == caught.value.code


@pytest.mark.parametrize("open_file", [open_text, open_binary])
def test_a_file_that_changes_while_it_is_read_is_refused(path, open_file):
    path.write_text("one\n")

    with pytest.raises(InputError) as caught, open_file(path) as file:  # noqa: PT012  # raised at the end of the block
        file.read()
        path.write_text("one\ntwo\n")

    assert "input.changed" == caught.value.code


def test_an_exception_of_the_block_is_passed_on(path):
    """Even where the file has changed too."""
    path.write_text("one\n")

    with pytest.raises(ConnectionError, match="the caller's"), open_text(path):  # noqa: PT012  # as above
        path.write_text("one\ntwo\n")
        raise ConnectionError("the caller's")


@pytest.mark.parametrize(
    ("name", "code"),
    [("missing.txt", "input.missing"), ("", "input.not_a_file"), ("damaged.gz", "input.compressed")],
)
@pytest.mark.parametrize("open_file", [open_text, open_binary])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, open_file, name, code):
    (tmp_path / "damaged.gz").write_bytes(gzip.compress(b"one\n")[:-1])

    with pytest.raises(InputError) as caught, open_file(tmp_path / name) as file:
        file.read()

    assert code == caught.value.code


def test_an_unknown_encoding_is_refused(path):
    path.touch()

    with pytest.raises(InputError, match="unknown text encoding 'utf8x'"), open_text(path, "utf8x"):
        pass


def test_content_is_measured_to_its_end(path):
    """Also what the reader left unread: the hash is that of the whole file."""
    path.write_bytes(b"one\ntwo\n")

    with open_input(path) as file:
        content = Content(file)
        content.read(2)
        measured = content.measure()

    assert (8, sha256(b"one\ntwo\n").hexdigest()) == (measured.size, measured.sha256)


@pytest.mark.parametrize("create", [create_text, create_binary])
def test_a_file_appears_at_the_end_of_the_block(path, create):
    """Before, the old one is there; a missing folder is made."""
    path = path.parent / "new" / path.name
    one, two = ("one\n", "two\n") if create is create_text else (b"one\n", b"two\n")

    with create(path) as file:
        file.write(one)
        assert not path.exists()
    with create(str(path)) as file:
        file.write(two)
        file.flush()
        assert "one\n" == path.read_text()

    assert "two\n" == path.read_text()
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize("create", [create_text, create_binary])
def test_a_failed_block_leaves_the_old_file(path, create):
    """The exception is the block's own: a ``ConnectionError`` is an ``OSError`` too."""
    path.write_text("old")
    size = 3 * io.DEFAULT_BUFFER_SIZE

    with pytest.raises(ConnectionError), create(path) as file:  # noqa: PT012  # raised in the block
        file.write(size * "x" if create is create_text else bytes(size))
        raise ConnectionError

    assert ("old", [path]) == (path.read_text(), list(path.parent.iterdir()))


@pytest.mark.parametrize("create", [create_text, create_binary])
@pytest.mark.parametrize("size", [5000, 3 << 20], ids=["at the end of the block", "inside of it"])
def test_a_full_disk_is_an_output_error(path, create, size):
    """A limit on the size of files stands in for a full disk."""
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError) as caught, create(path) as file:
            file.write(size * "x" if create is create_text else bytes(size))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ("output.no_space", f"{path}: cannot be written: File too large") == (
        caught.value.code,
        str(caught.value),
    )
    assert ("old", [path]) == (path.read_text(), list(path.parent.iterdir()))


def test_text_is_written_as_open_writes_it(path):
    with create_text(path, "latin-1", newline="") as file:
        csv.writer(file).writerow(["größe", "a\nb"])

    assert 'größe,"a\nb"\r\n'.encode("latin-1") == path.read_bytes()


def test_the_permissions_of_a_file_are_kept(path):
    path.touch(0o600)
    path.chmod(0o600)

    with create_text(path) as file:
        file.write("new")

    assert (0o600, "new") == (stat.S_IMODE(path.stat().st_mode), path.read_text())


def test_only_the_owner_can_open_a_file_while_it_is_written(path):
    path.touch()
    path.chmod(0o644)

    with create_text(path) as file:
        file.write("new")
        (draft,) = path.parent.glob(".*.tmp")
        before = stat.S_IMODE(draft.stat().st_mode)

    assert (0o600, 0o644) == (before, stat.S_IMODE(path.stat().st_mode))


def test_a_link_stays_a_link(path, tmp_path):
    target = tmp_path / "there" / "target.csv"
    path.symlink_to(target)

    for text in ("one", "two"):
        with create_text(path) as file:
            file.write(text)
        assert (text, True) == (target.read_text(), path.is_symlink())


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_replaced(path, make):
    make(path)

    with pytest.raises(OutputError, match="is no regular file") as caught, create_binary(path):
        pass

    assert ("output.taken", False) == (caught.value.code, path.is_file())


def test_text_under_a_compressed_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="text is not compressed"), create_text(tmp_path / "x.csv.gz"):
        pass


def test_the_exception_of_a_block_that_has_closed_the_file_is_passed_on(path):
    with pytest.raises(ConnectionError), create_text(path) as file:  # noqa: PT012  # raised in the block
        file.close()
        raise ConnectionError
