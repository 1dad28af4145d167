"""Hints from the first bytes of a file that is no text in its encoding."""

import bz2
import gzip
import io
import lzma
import sqlite3
import zipfile
from contextlib import closing

import pytest

from pipeline_jobs import JobA
from pipeline_jobs.documents.content_hints import HEAD, describe_content

TEXT = "id;name\n1;Anna M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller, Main Street 7\n2;Bo Lee, High Road 12\n"


def make_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.xml", TEXT)
    return file.getvalue()


def make_database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE x (y)")
    return (tmp_path / "x.db").read_bytes()


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (gzip.compress(TEXT.encode()), "it is compressed by gzip: let its name end in .gz"),
        (bz2.compress(TEXT.encode()), "it is compressed by bzip2: let its name end in .bz2"),
        (lzma.compress(TEXT.encode()), "it is compressed by xz: let its name end in .xz"),
        (TEXT.encode("utf-16"), "it begins with the mark of UTF-16: set the encoding utf-16"),
        (TEXT.encode("utf-32"), "it begins with the mark of UTF-32: set the encoding utf-32"),
        (TEXT.encode("utf-16-le"), "it looks like UTF-16: set the encoding utf-16-le"),
        (TEXT.encode("utf-16-be"), "it looks like UTF-16: set the encoding utf-16-be"),
        (TEXT.encode("cp037"), "it looks like EBCDIC: set the encoding cp037, or that of its country"),
        (TEXT.encode("latin-1"), "if the file has another encoding, set it with --encoding"),
        (make_zip(), "it is a ZIP archive, as .xlsx and .docx files are: extract the text first"),
        (b"%PDF-1.7\n%\xe2\xe3\n", "it is a PDF: extract the text first"),
        (make_database, "it is a SQLite database: export its tables first"),
        (b"PAR1\x15\x04\x15\x90", "it is a Parquet file: export it as text first"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_error_says_what_the_first_bytes_show(tmp_path, content, hint):
    path = tmp_path / "x.csv"
    path.write_bytes(content(tmp_path) if callable(content) else content)

    result = JobA(tmp_path / "out").execute(path)

    assert result.code in ("input.undecodable", "input.nul")
    assert result.error.endswith(f"; {hint}")


@pytest.mark.parametrize(
    "content", [b"", b"a\0", b"\xe9t\xe9", b"one\ntwo\0three\nfour", bytes(range(256)) * 2]
)
def test_other_bytes_give_no_hint(content):
    assert describe_content(content[:HEAD]) is None


def test_the_encoding_that_is_named_reads_the_file(tmp_path):
    for encoding in ("utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp037"):
        path = tmp_path / f"{encoding}.txt"
        path.write_bytes(TEXT.encode(encoding))

        assert JobA(tmp_path / "out", encoding).execute(path).success


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (gzip.compress(b"x"), "it is compressed by gzip: zcat x.gz | pipeline run-all -"),
        (bz2.compress(b"x"), "it is compressed by bzip2: bzcat x.bz2 | pipeline run-all -"),
        (lzma.compress(b"x"), "it is compressed by xz: xzcat x.xz | pipeline run-all -"),
        (b"\x28\xb5\x2f\xfd", "it is compressed by zstd: zstdcat x.zst | pipeline run-all -"),
        (b"%PDF-1.7", "it is a PDF: extract the text first"),
    ],
    ids=["gzip", "bzip2", "xz", "zstd", "PDF"],
)
def test_standard_input_has_no_name_to_change(content, hint):
    assert hint == describe_content(content, is_stdin=True)
