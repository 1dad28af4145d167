"""One outcome, however a document is laid out: fast where it is ours, strictly where it is not."""

import json
import os
import random
from pathlib import Path

import pytest

from pipeline_jobs import InputError, Record, Source, reading
from pipeline_jobs.input_file import InputFile

SOURCE = Source("file:///data/x.txt", "x.txt", 38, 64 * "a")


@pytest.fixture(scope="module")
def whole(document, records):
    return document(records)


@pytest.mark.parametrize("block", [3, 64, 100, 1000, 1 << 20])
@pytest.mark.parametrize("count", [0, 1, 200])
def test_what_was_written_is_read_back(read, pieces_of, document, records, block, count):
    with pieces_of(block):
        assert (SOURCE, records[:count]) == read(document(records[:count]))


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_another_layout_is_the_same_document(read, pieces_of, whole, indent, ascii_only):
    known = json.loads(whole)
    keys = list(known)
    random.Random(7).shuffle(keys)
    again = {key: known[key] for key in keys if key != "records"} | {
        "records": [dict(reversed(record.items())) for record in known["records"]]
    }

    with pieces_of(100, 7):
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
def test_what_is_no_document_is_refused(read, content, code):
    assert code == read(content)


@pytest.mark.parametrize("content", ['["a", "b"]', '{"records": ["a", "b"]}', '\ufeff\n["a",\r\n"b"]\n'])
def test_a_list_of_strings_is_a_document(read, content):
    assert (None, [Record(1, "a"), Record(2, "b")]) == read(content)


def test_an_error_says_how_to_load_it_all_the_same(tmp_path, whole):
    path = tmp_path / "x.json"
    path.write_bytes(whole.replace(b'"record_count":200', b'"record_count":199'))

    with InputFile(path) as file, pytest.raises(InputError) as caught:
        list(reading.read_file(file).chunks)

    hint = "without record_count and records_sha256 it loads as written by hand"
    assert f"{path}: holds 200 records where record_count says 199; {hint}" == str(caught.value)


def test_a_document_that_is_cut_off_while_it_is_read_is_refused(tmp_path, whole, pieces_of):
    path = tmp_path / "x.json"
    path.write_bytes(whole)

    with InputFile(path) as file, pieces_of(100):
        chunks = iter(reading.read_file(file).chunks)
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
    ids=["as it was written", "cut off", "in another layout", "altered"],
)
def test_the_source_of_a_document_is_found(tmp_path, whole, change):
    """A damaged one of ours is still ours: a run may put it right."""
    path = tmp_path / "x.json"
    path.write_bytes(change(whole))

    assert SOURCE == reading.source_in(path)


@pytest.mark.parametrize("content", [b'["a"]', b"something else", b""])
def test_what_names_no_source_has_none(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)

    assert reading.source_in(path) is None


def test_no_file_has_no_source(tmp_path):
    assert reading.source_in(tmp_path / "missing") is None
    assert reading.source_in(tmp_path) is None


@pytest.mark.parametrize("block", range(1, 40))
def test_pieces_are_whole_lines_wherever_a_block_ends(tmp_path, pieces_of, block):
    """Also in the middle of what separates them."""
    path = tmp_path / "x.json"
    path.write_bytes(b"head aaa,,\nbbbb,\n,\ncccccccc\nd,\neeee,\n\n tail")

    with InputFile(path) as file, pieces_of(block):
        pieces = list(reading._bodies(file, 5, file.size - 5, 1000))

    assert b"aaa,,\nbbbb,\n,\ncccccccc\nd,\neeee,\n" == b",\n".join(pieces)
    assert block > 2 or [b"aaa,", b"bbbb", b"", b"cccccccc\nd", b"eeee", b""] == pieces


def test_of_a_line_without_end_no_more_is_held_than_a_record_can_take(tmp_path, pieces_of):
    path = tmp_path / "x.json"
    path.write_bytes(b"a,\n" + 10_000 * b"x")

    with InputFile(path) as file, pieces_of(10):
        pieces = list(reading._bodies(file, 0, file.size, 100))

    assert [1, 107] == list(map(len, pieces))


def test_a_chunk_takes_no_more_than_is_read_at_once(tmp_path, pieces_of):
    """Ten thousand records may be a megabyte, or as many gigabytes."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps(["x" * 40] * 100))

    with InputFile(path) as file, pieces_of(500):
        sizes = [len(chunk.canonical) for chunk in reading.read_file(file).chunks]

    assert max(sizes) < 1200


@pytest.mark.parametrize(
    ("content", "later"),
    [
        ('["a", "b"]', '["a", "c"]'),
        ('["a", "b"]', '["a"     ]'),
        ('["a", "b"]', '["a", "b" '),
        ('["a", "b"]', '["a", "\x01"]'),
    ],
    ids=["another record", "a record less", "no JSON", "bad text"],
)
def test_what_changes_between_its_two_readings_is_refused(tmp_path, content, later):
    """Even if its size and its time say that nothing has happened."""
    path = tmp_path / "x.json"
    path.write_text(content)

    with InputFile(path) as file:
        chunks = reading.read_file(file).chunks
        times = path.stat()
        path.write_text(later)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        file.check_unchanged()
        with pytest.raises(InputError) as caught:
            list(chunks)

    assert "input.changed" == caught.value.code
    assert f"{path}: was changed while it was read; try again" == str(caught.value)


def test_a_file_that_can_no_longer_be_read_is_not_called_changed(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('["a"]')

    with InputFile(path) as file, InputFile(Path("/proc/self/mem")) as other:
        chunks = reading.read_file(file).chunks
        os.dup2(other._stream.fileno(), file._stream.fileno())
        with pytest.raises(InputError) as caught:
            list(chunks)

    assert "input.unreadable" == caught.value.code
