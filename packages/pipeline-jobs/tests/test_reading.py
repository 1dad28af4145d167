"""One outcome, however a document is laid out: fast where it is ours, strictly where it is not."""

import io
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_jobs import Chunk, InputError, Record, Source, reading
from pipeline_jobs.document import Writer
from pipeline_jobs.input_file import InputFile

RECORDS = [Record(n, f"{n}: größe \"{'x' * (n % 7)}\" \\ \t 🎉") for n in range(1, 400, 2)]
SOURCE = Source("file:///data/x.txt", "x.txt")


def document(records):
    stream = io.BytesIO()
    writer = Writer(stream, SOURCE)
    if records:
        writer.write(Chunk(records))
    writer.finish(38, 64 * "a")
    return stream.getvalue()


WHOLE = document(RECORDS)
SMALL = document(RECORDS[:4])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("documents") / "x.json"


@pytest.fixture(scope="module")
def read(path):
    """Reads a document from a file: its source and its records, or the error's code."""

    def outcome(content, how=reading.read_file):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            with InputFile(path) as file:
                found = how(file)
                return found.source, [record for chunk in found.chunks for record in chunk]
        except InputError as error:
            return error.code

    return outcome


@pytest.mark.parametrize("block", [3, 64, 100, 1000, 1 << 20])
@pytest.mark.parametrize("records", [[], RECORDS[:1], RECORDS])
def test_what_was_written_is_read_back(read, pieces_of, records, block):
    with pieces_of(block):
        source, found = read(document(records))

    assert records == found
    assert Source(SOURCE.uri, SOURCE.name, 38, 64 * "a") == source


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_another_layout_is_the_same_document(read, pieces_of, indent, ascii_only):
    known = json.loads(WHOLE)
    keys = list(known)
    random.Random(7).shuffle(keys)
    again = {key: known[key] for key in keys if key != "records"} | {
        "records": [dict(reversed(record.items())) for record in known["records"]]
    }

    with pieces_of(100, 7):
        found = read(json.dumps(again, indent=indent, ensure_ascii=ascii_only))

    assert read(WHOLE) == found


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


@pytest.mark.parametrize("block", [100, 1000, 1 << 20])
@pytest.mark.parametrize(("old", "new"), OTHER_FORMS)
def test_a_record_in_another_form_is_the_same_record(read, pieces_of, old, new, block):
    """From there on the document is read strictly; what was handed on before is not handed on again."""
    assert 1 == WHOLE.count(old)

    with pieces_of(block, 7):
        assert RECORDS == read(WHOLE.replace(old, new))[1]


@pytest.mark.parametrize("block", [100, 1000, 1 << 20])
@pytest.mark.parametrize(("old", "new", "code"), REFUSED)
def test_a_fault_in_the_middle_is_refused(read, pieces_of, old, new, code, block):
    assert 1 == WHOLE.count(old)

    with pieces_of(block, 7):
        assert code == read(WHOLE.replace(old, new))


@settings(max_examples=200)
@given(at=st.integers(0, len(SMALL) - 1), byte=st.integers(0, 255), block=st.sampled_from([3, 50, 1 << 20]))
def test_one_wrong_byte_is_refused_or_changes_no_record(read, pieces_of, at, byte, block):
    corrupt = SMALL[:at] + bytes([byte]) + SMALL[at + 1 :]

    with pieces_of(block):
        found = read(corrupt)
        strictly = read(corrupt, reading._strict)

    assert strictly == found
    assert isinstance(found, str) or RECORDS[:4] == found[1]


@settings(max_examples=100)
@given(st.integers(0, len(SMALL) - 1))
def test_a_truncated_document_is_refused(read, length):
    """All but the last byte, a line end, is needed."""
    found = read(SMALL[:length])

    assert (found in ("input.json", "input.undecodable")) == (length < len(SMALL) - 1)


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


def test_an_error_says_how_to_load_it_all_the_same(path, read):
    read(WHOLE.replace(b'"record_count":200', b'"record_count":199'))

    with InputFile(path) as file, pytest.raises(InputError) as caught:
        list(reading.read_file(file).chunks)

    hint = "without record_count and records_sha256 it loads as written by hand"
    assert f"{path}: holds 200 records where record_count says 199; {hint}" == str(caught.value)


def test_a_document_that_is_cut_off_while_it_is_read_is_refused(path, pieces_of):
    path.write_bytes(WHOLE)

    with InputFile(path) as file, pieces_of(100):
        chunks = iter(reading.read_file(file).chunks)
        next(chunks)
        path.write_bytes(WHOLE[:1000])
        with pytest.raises(InputError) as caught:
            list(chunks)

    assert "input.changed" == caught.value.code


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (WHOLE, SOURCE.uri),
        (WHOLE[:2000], SOURCE.uri),  # cut off, but ours: a run may put it right
        (json.dumps(json.loads(WHOLE), indent=2).encode(), SOURCE.uri),
        (WHOLE.replace(b'"201: gr', b'"201: Gr'), SOURCE.uri),
        (b'["a"]', None),
        (b"something else", None),
        (b"", None),
    ],
)
def test_the_source_of_a_document_is_found(path, content, expected):
    path.write_bytes(content)

    found = reading.source_in(path)

    assert expected == (found and found.uri)


def test_no_file_has_no_source(tmp_path):
    assert reading.source_in(tmp_path / "missing") is None
    assert reading.source_in(tmp_path) is None
