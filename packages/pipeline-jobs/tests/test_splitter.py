"""Splitting of text: lines end at LF, CRLF and CR; undecodable bytes are refused with their place."""

import io
import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline_jobs import InputError, parse_encoding
from pipeline_jobs.documents.size_limits import DEFAULT_MAX_RECORD_BYTES
from pipeline_jobs.documents.splitter import LineSplitter

SIZES = [1, 2, 3, 1000]

# Pieces of text, among them everything that `str.splitlines` splits at.
PIECES = ["\r", "\n", "\r\n", "a", "é", "日", "🎉", " ", "\t", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85"]
PIECES += ["\u2028", "\u2029", "\ufeff", "\u3000", "\u200b"]
texts = st.one_of(st.lists(st.sampled_from(PIECES)).map("".join), st.text())


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def split(data, size=1000, encoding="utf-8", limit=DEFAULT_MAX_RECORD_BYTES):
    splitter = LineSplitter("x.txt", parse_encoding(encoding), limit)
    records = [record for chunk in splitter.split(cut(data, size)) for record in chunk]
    assert splitter.records == len(records)
    return [(record.line_number, record.content) for record in records], splitter.lines


def split_by_python(text):
    """Return the records and the number of lines as Python's own text files split them."""
    lines = [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()], len(lines)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("text", "records", "lines"),
    [
        ("", [], 0),
        ("a", [(1, "a")], 1),
        ("a\n", [(1, "a")], 1),
        ("a\nb", [(1, "a"), (2, "b")], 2),
        ("a\r\nb\r\n", [(1, "a"), (2, "b")], 2),
        ("a\rb\r", [(1, "a"), (2, "b")], 2),
        ("a\n\rb", [(1, "a"), (3, "b")], 3),
        ("a\r\r\nb", [(1, "a"), (3, "b")], 3),
        ("\n\n a \n\t\n\u3000\u2028\nb", [(3, " a "), (6, "b")], 6),
        ("\n", [], 1),
        ("\r", [], 1),
        ("a\u2028b\u2029c\x85d\ve\ff\x1cg\x1dh\x1ei", [(1, "a\u2028b\u2029c\x85d\ve\ff\x1cg\x1dh\x1ei")], 1),
        ("\ufeffa\n\ufeffb", [(1, "a"), (2, "\ufeffb")], 2),
        ("\ufeff", [], 0),
        ("\ufeff\ufeffa", [(1, "\ufeffa")], 1),
        ("\u200b", [(1, "\u200b")], 1),
    ],
)
def test_lines_are_split_at_lf_crlf_and_cr(text, records, lines, size):
    assert (records, lines) == split(text.encode(), size)


@given(texts.filter(lambda text: "\0" not in text), st.sampled_from(SIZES))
@example("a\r\nb", 2)
def test_text_is_split_as_python_splits_text_files(text, size):
    expected = split_by_python(text.removeprefix("\ufeff"))

    assert expected == split(text.encode(), size)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "utf-8-sig", "utf-7", "gb18030"])
@settings(max_examples=30)
@given(text=texts.filter(lambda text: "\0" not in text and "\ufeff" not in text), size=st.sampled_from(SIZES))
def test_splitting_does_not_depend_on_the_encoding(encoding, text, size):
    assert split_by_python(text) == split(text.encode(encoding), size, encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_byte_order_mark_is_dropped(encoding):
    assert ([(1, "a")], 1) == split("\ufeffa".encode(encoding), 1, encoding)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("encoding", "data", "byte", "line"),
    [
        ("utf-8", b"ok\n\xff", 3, 2),
        ("utf-8", b"\xef\xbb\xbfa\r\nb\r\x80", 8, 3),
        ("utf-8", b"a\xe2\x82\nb", 1, 1),
        ("utf-8", b"a\nb\xe2\x82", 3, 2),
        ("utf-8", b"a\n\xed\xa0\x80", 2, 2),
        ("utf-16", b"\xff\xfea\0\n\0\0\xd8b\0", 6, 2),
        ("utf-16", b"\xff\xfea\0\n\0b", 6, 2),
        ("utf-16", b"a\0b\0", 0, 1),
        ("utf-32-be", b"\0\0\0\n\0\x11\0\0", 4, 2),
        ("shift_jis", b"\x83\x65\n\x81", 3, 2),
        ("shift_jis", b"\x83\x65\r\n\x83\x65\x81\x20", 6, 2),
        ("cp1252", b"\x80\n\x81", 2, 2),
        ("ascii", b"a\r\xe9", 2, 2),
    ],
)
def test_undecodable_bytes_are_refused_with_byte_and_line(encoding, data, byte, line, size):
    with pytest.raises(InputError) as caught:
        split(data, size, encoding)

    assert "input.undecodable" == caught.value.code
    where = f"x.txt, byte {byte}, line {line}"
    assert f"{where}: not {encoding}; if the file has another encoding, set it with --encoding" == str(
        caught.value
    )


@pytest.mark.parametrize("encoding", ["utf-8", "shift_jis", "euc_jp", "utf-16-le", "utf-7", "iso2022_jp"])
@settings(max_examples=40)
@given(
    data=st.lists(st.sampled_from([b"\r", b"\n", b"a", b"+-", b"\x83e", b"\xe2\x82", b"\xff", b"\x1b$B"])),
    size=st.sampled_from(SIZES),
)
def test_undecodable_bytes_are_found_where_python_finds_them(encoding, data, size):
    data = b"".join(data)
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding)
        place = f"byte {error.start}, line {len(re.split('\r\n|\r|\n', before))}: not"
    else:
        return

    with pytest.raises(InputError, match=place):
        split(data, size, encoding)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("text", "line"), [("\0", 1), ("a\r\n\nb\0", 3), ("a\rb\r\0\r", 3), ("\0\n\0", 1)])
def test_nul_is_refused_with_its_line(text, line, size):
    with pytest.raises(InputError) as caught:
        split(text.encode(), size)

    assert ("input.nul", f"x.txt, line {line}: NUL characters are not allowed") == (
        caught.value.code,
        str(caught.value),
    )


def test_lone_surrogate_is_refused():
    """Only UTF-7 and Python's escapes decode to one."""
    with pytest.raises(InputError) as caught:
        split(b"a\nb +2AA-\n", encoding="utf-7")

    assert "input.surrogate" == caught.value.code
    assert "x.txt, lines 1 to 2: lone surrogates are not allowed" == str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("Latin-1", "iso8859-1"), ("sjis", "shift_jis")],
)
def test_encoding_name_is_normalized(name, expected):
    assert expected == parse_encoding(name)


@pytest.mark.parametrize(
    "name", ["", "nope", "base64", "rot13", "undefined", "a\0b", "größe", "\ud800", "\x1b[31m"]
)
def test_unknown_encoding_is_refused(name):
    with pytest.raises(InputError) as caught:
        parse_encoding(name)

    assert "input.encoding" == caught.value.code
    assert f"unknown text encoding {name!r}, try utf-8 or latin-1" == str(caught.value)


@pytest.mark.parametrize(("encoding", "data"), [("utf-16", b"a\0b\0\0\xdc"), ("punycode", b"{a\n\xff")])
def test_error_of_an_unusual_codec_is_an_input_error(encoding, data):
    """Without a byte order mark, UTF-16 does not decode again what precedes the fault."""
    with pytest.raises(InputError, match=rf"^x\.txt, byte \d, line 1: not {encoding};"):
        split(data, encoding=encoding)


@given(texts.filter(lambda text: "\0" not in text and "\ufeff" not in text), st.integers(1, 20))
@example("aé\r\n日本\n", 3)
@example("   \n", 2)
def test_first_line_over_the_limit_is_refused_for_any_block_size(text, limit):
    """A blank line too: all of it would have to be held to know that it is blank."""
    lines = [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]
    large = [number for number, line in enumerate(lines, 1) if len(line.encode()) > limit]
    for size in SIZES:
        if not large:
            assert split_by_python(text) == split(text.encode(), size, limit=limit)
            continue
        with pytest.raises(InputError) as caught:
            split(text.encode(), size, limit=limit)

        hint = "allow larger ones with --max-record-bytes"
        assert "input.record_size" == caught.value.code
        assert f"x.txt, line {large[0]}: a record of more than {limit} bytes; {hint}" == str(caught.value)


@pytest.mark.parametrize(("filling", "expected"), [(b"x" * 10, 11), (b" " * 10, 11), ("é".encode() * 5, 11)])
def test_endless_line_is_read_only_to_the_limit(filling, expected):
    read_blocks = []
    endless = (read_blocks.append(block) or block for block in itertools.repeat(filling))

    with pytest.raises(InputError, match="line 1: a record of more than 100 bytes"):
        list(LineSplitter("x.txt", max_record_bytes=100).split(endless))

    assert expected == len(read_blocks)
