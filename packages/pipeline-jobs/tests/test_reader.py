"""Reading of documents: the same outcome for every layout, and damaged documents are refused."""

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_jobs import InputError, Record, Source
from pipeline_jobs.documents import reader
from pipeline_jobs.documents.pieces import read_pieces
from pipeline_jobs.storage.input import LocalInput

SOURCE = Source("file:///data/x.txt", "x.txt", 38, 64 * "a")


@pytest.fixture(scope="module")
def whole(document, records):
    return document(records)


@pytest.mark.parametrize("block", [3, 64, 100, 1000, 1 << 20])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_written_document_is_read_back(read, set_block_size, document, records, block, count):
    with set_block_size(block):
        assert (SOURCE, records[:count]) == read(document(records[:count]))


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_document_in_another_layout_reads_the_same(read, set_block_size, whole, indent, ascii_only):
    known = json.loads(whole)
    keys = list(known)
    random.Random(7).shuffle(keys)
    again = {key: known[key] for key in keys if key != "records"} | {
        "records": [dict(reversed(record.items())) for record in known["records"]]
    }

    with set_block_size(100, 7):
        found = read(json.dumps(again, indent=indent, ensure_ascii=ascii_only))

    assert read(whole) == found


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "input.json"),
        ("\ufeff \n", "input.json"),
        ("plain text", "input.json"),
        ("7", "input.shape"),
        ('"text"', "input.shape"),
        ("null", "input.shape"),
        ("{}", "input.shape"),
        ('{"records": null}', "input.shape"),
        ('{"records": {"content": "a"}}', "input.shape"),
        ('{"records": nul}', "input.json"),
        ('{"records": ["a"]', "input.json"),
        ('{"records": [], "records": []}', "input.repeated_key"),
        ('{"records": [], "more": 1}', "input.shape"),
        ("[] []", "input.json"),
        ('["a", 7]', "input.shape"),
    ],
)
def test_other_content_is_refused(read, content, code):
    assert code == read(content)


@pytest.mark.parametrize("content", ['["a", "b"]', '{"records": ["a", "b"]}', '\ufeff\n["a",\r\n"b"]\n'])
def test_strings_are_a_document(read, content):
    assert (None, [Record(1, "a"), Record(2, "b")]) == read(content)


def test_count_error_says_how_to_load_the_document_anyway(tmp_path, whole):
    path = tmp_path / "x.json"
    path.write_bytes(whole.replace(b'"record_count":200', b'"record_count":199'))

    with LocalInput(path) as file, pytest.raises(InputError) as caught:
        list(reader.read_file(file).chunks)

    hint = "without record_count and records_sha256 it loads as written by hand"
    assert f"{path}: holds 200 records, but record_count is 199; {hint}" == str(caught.value)


def test_document_truncated_while_read_is_refused(tmp_path, whole, set_block_size):
    path = tmp_path / "x.json"
    path.write_bytes(whole)

    with LocalInput(path) as file, set_block_size(100):
        chunks = iter(reader.read_file(file).chunks)
        next(chunks)
        path.write_bytes(whole[:1000])
        with pytest.raises(InputError) as caught:
            list(chunks)

    assert "input.changed" == caught.value.code


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole,
        lambda whole: whole[:2000],
        lambda whole: json.dumps(json.loads(whole), indent=2).encode(),
        lambda whole: whole.replace(b'"201: gr', b'"201: Gr'),
    ],
    ids=["unchanged", "truncated", "in another layout", "altered"],
)
def test_source_is_found_even_in_a_damaged_document(tmp_path, whole, change):
    """A run may then replace the damaged document."""
    path = tmp_path / "x.json"
    path.write_bytes(change(whole))

    assert SOURCE == reader.read_source(path)


@pytest.mark.parametrize("content", [b'["a"]', b"something else", b""])
def test_file_that_names_no_source_has_none(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)

    assert reader.read_source(path) is None


def test_missing_file_has_no_source(tmp_path):
    assert reader.read_source(tmp_path / "missing") is None
    assert reader.read_source(tmp_path) is None


@pytest.mark.parametrize("block", range(1, 40))
def test_pieces_are_whole_lines_for_any_block_size(tmp_path, set_block_size, block):
    """Even if a block ends in the middle of a separator."""
    path = tmp_path / "x.json"
    path.write_bytes(b"head aaa,,\nbbbb,\n,\ncccccccc\nd,\neeee,\n\n tail")

    with LocalInput(path) as file, set_block_size(block):
        pieces = list(read_pieces(file, 5, file.size - 5, 1000))

    assert b"aaa,,\nbbbb,\n,\ncccccccc\nd,\neeee,\n" == b",\n".join(pieces)
    assert block > 2 or [b"aaa,", b"bbbb", b"", b"cccccccc\nd", b"eeee", b""] == pieces


def test_endless_line_is_read_only_to_the_limit(tmp_path, set_block_size):
    path = tmp_path / "x.json"
    path.write_bytes(b"a,\n" + 10_000 * b"x")

    with LocalInput(path) as file, set_block_size(10):
        pieces = list(read_pieces(file, 0, file.size, 100))

    assert [1, 107] == list(map(len, pieces))


def test_chunk_is_bounded_by_the_block_size(tmp_path, set_block_size):
    """Ten thousand records may be a megabyte or many gigabytes."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps(["x" * 40] * 100))

    with LocalInput(path) as file, set_block_size(500):
        sizes = [len(chunk.canonical) for chunk in reader.read_file(file).chunks]

    assert max(sizes) < 1200


@pytest.mark.parametrize(
    ("content", "later"),
    [
        ('["a", "b"]', '["a", "c"]'),
        ('["a", "b"]', '["a"     ]'),
        ('["a", "b"]', '["a", "b" '),
        ('["a", "b"]', '["a", "\x01"]'),
    ],
    ids=["another record", "one record fewer", "invalid JSON", "invalid text"],
)
def test_change_between_the_two_readings_is_refused(tmp_path, content, later):
    """Even if the size and time of the file stay the same."""
    path = tmp_path / "x.json"
    path.write_text(content)

    with LocalInput(path) as file:
        chunks = reader.read_file(file).chunks
        times = path.stat()
        path.write_text(later)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        file.check_unchanged()
        with pytest.raises(InputError) as caught:
            list(chunks)

    assert "input.changed" == caught.value.code
    assert f"{path}: was changed while it was read; try again" == str(caught.value)


def test_read_error_is_not_reported_as_a_change(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('["a"]')

    with LocalInput(path) as file, LocalInput(Path("/proc/self/mem")) as other:
        chunks = reader.read_file(file).chunks
        os.dup2(other._stream.fileno(), file._stream.fileno())
        with pytest.raises(InputError) as caught:
            list(chunks)

    assert "input.unreadable" == caught.value.code


MIDDLE = b'{"line_number":201,'
OTHER_FORMS = [
    (MIDDLE, b'{"line_number": 201,'),
    (MIDDLE, b'{\n"line_number":201,\n'),
    (b'"content":"201: gr\xc3\xb6\xc3\x9fe', b'"content":"201: gr\\u00f6\\u00dfe'),
    (b"},\n" + MIDDLE, b"}, " + MIDDLE),
    (b"},\n" + MIDDLE, b"},\n\n" + MIDDLE),
    (b"}\n],\n", b"}],\n"),
    (b"}\n],\n", b"}\n\n],\n"),
    (b'"records":[\n', b'"records":[\n\n'),
]
REFUSED = [
    (MIDDLE, b'{"line_number":201,"line_number":201,', "input.repeated_key"),
    (MIDDLE, b'{"line_number":199,', "input.repeated_line"),
    (MIDDLE, b'{"line_number":1,', "input.repeated_line"),
    (MIDDLE, b'{"line_number":202,', "input.hash"),
    (MIDDLE, b'{"line_number":0,', "input.shape"),
    (MIDDLE, b'{"line_number":201.0,', "input.shape"),
    (MIDDLE, b'{"line_number":0201,', "input.json"),
    (MIDDLE, b'{"line_number":NaN,', "input.number"),
    (MIDDLE, b'{"more":1,"line_number":201,', "input.shape"),
    (MIDDLE, MIDDLE[:-1], "input.json"),
    (b'"201: gr\xc3\xb6', b'"201: gr\xc3', "input.undecodable"),
    (b'"201: gr', b'"201: gr\\u0000', "input.nul"),
    (b'"201: gr', b'"201: gr\\ud800', "input.surrogate"),
    (b'"201: gr', b'"201: gr\n', "input.json"),
    (b'"201: gr', b'"201: Gr', "input.hash"),
    (b"},\n" + MIDDLE, b"}\n" + MIDDLE, "input.json"),
    (b"}\n],\n", b"},\n],\n", "input.json"),
    (b"}\n],\n", b"},\n\n],\n", "input.json"),
    (b'"record_count":200', b'"record_count":199', "input.count"),
    (b'"records":[\n', b'"records":[\n],"records":[\n', "input.repeated_key"),
    (b'"uri":"file:///data/x.txt"', b'"uri":"x.txt"', "input.shape"),
]


@pytest.fixture(scope="module")
def small(document, records):
    return document(records[:4])


@pytest.mark.parametrize("block", [100, 1000, 1 << 20])
@pytest.mark.parametrize("change", OTHER_FORMS)
def test_record_in_another_form_reads_the_same(read, set_block_size, whole, records, change, block):
    """From that record on, the document is read strictly; records passed on before are not repeated."""
    assert 1 == whole.count(change[0])

    with set_block_size(block, 7):
        assert records == read(whole.replace(*change))[1]


@pytest.mark.parametrize("block", [100, 1000, 1 << 20])
@pytest.mark.parametrize(("old", "new", "code"), REFUSED)
def test_fault_in_the_middle_is_refused(read, set_block_size, whole, old, new, code, block):
    assert 1 == whole.count(old)

    with set_block_size(block, 7):
        assert code == read(whole.replace(old, new))


@settings(max_examples=150)
@given(data=st.data(), byte=st.integers(0, 255), block=st.sampled_from([3, 50, 1 << 20]))
def test_one_wrong_byte_is_refused_or_changes_no_record(
    read, set_block_size, small, records, data, byte, block
):
    """And fast and strict reading agree."""
    at = data.draw(st.integers(0, len(small) - 1))
    corrupt = small[:at] + bytes([byte]) + small[at + 1 :]

    with set_block_size(block):
        found = read(corrupt)
        strictly = read(corrupt, reader._read_strictly)

    assert strictly == found
    assert isinstance(found, str) or records[:4] == found[1]


@given(data=st.data())
def test_truncated_document_is_refused(read, small, data):
    """Every byte but the last, a line end, is needed."""
    length = data.draw(st.integers(0, len(small) - 1))

    found = read(small[:length])

    assert (found in ("input.json", "input.undecodable")) == (length < len(small) - 1)
