"""A document is valid JSON, holds its own count and hash, and is recognized by its layout."""

import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import Record, Source
from pipeline_jobs.documents.records import Chunk
from pipeline_jobs.documents.writer import HEAD_LIMIT, TAIL_LIMIT, DocumentWriter, parse_head, parse_tail

SOURCE = Source("file:///data/x%0Ay.txt", r"x\ny.txt")
contents = st.lists(st.text().filter(lambda text: "\0" not in text))


def write(chunks, source=SOURCE, size=38, sha256=64 * "a"):
    stream = io.BytesIO()
    writer = DocumentWriter(stream, source)
    for chunk in chunks:
        writer.write(Chunk(chunk))
    writer.finish(size, sha256)
    return stream.getvalue()


def number(texts):
    return [Record(number, text) for number, text in enumerate(texts, 1)]


def test_document_has_the_documented_layout():
    document = write([[Record(1, "größe"), Record(3, 'a "b"')], [Record(4, "c")]])

    assert (
        '{"format":"pipeline-records","version":1,\n'
        '"source":{"uri":"file:///data/x%0Ay.txt","name":"x\\\\ny.txt",'
        f'"bytes":38,"sha256":"{64 * "a"}"}},' + 17 * " " + "\n"
        '"records":[\n'
        '{"line_number":1,"content":"größe"},\n'
        '{"line_number":3,"content":"a \\"b\\""},\n'
        '{"line_number":4,"content":"c"}\n'
        "],\n"
        '"record_count":3,"records_sha256":"a3ef"}\n'
    ).replace("a3ef", json.loads(document)["records_sha256"]) == document.decode()


def test_document_may_have_no_records():
    document = write([])

    assert [] == json.loads(document)["records"]
    assert hashlib.sha256(b"").hexdigest() == json.loads(document)["records_sha256"]


@given(contents, st.integers(0, 2**63 - 1))
def test_document_is_json_and_its_hash_is_that_of_the_record_lines(texts, size):
    document = write([number(texts)] if texts else [], size=size)

    known = json.loads(document)
    start, end = document.index(b'"records":[\n') + 12, document.rindex(b'],\n"record_count"')

    assert [{"line_number": n, "content": text} for n, text in enumerate(texts, 1)] == known["records"]
    assert (len(texts), size) == (known["record_count"], known["source"]["bytes"])
    assert hashlib.sha256(document[start:end].removesuffix(b"\n")).hexdigest() == known["records_sha256"]


@given(contents)
def test_written_head_and_tail_are_recognized(texts):
    document = write([number(texts)] if texts else [])

    source, start, _ = parse_head(document[:HEAD_LIMIT])
    count, sha256, length = parse_tail(document[-TAIL_LIMIT:])

    assert Source(SOURCE.uri, SOURCE.name, 38, 64 * "a") == source
    assert (len(texts), json.loads(document)["records_sha256"]) == (count, sha256)
    assert document[:start].endswith(b'"records":[\n')
    assert document[-length:].startswith(b'],\n"record_count"')


def test_head_with_the_longest_path_is_recognized():
    """A path has at most 4,096 bytes, each of which may take three characters in a URI."""
    source = Source("file://" + 1365 * "/%FF%FF", 255 * "\\xff")
    document = write([], source)

    assert source.uri == parse_head(document[:HEAD_LIMIT])[0].uri


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":2'),
        (b'"version":1,', b'"version":1, '),
        (b"pipeline-records", b"something-else"),
        (b'"bytes":38', b'"bytes":038'),
        (b'"bytes":38', b'"bytes":9999999999999999999'),
        (b'"bytes":38', b'"bytes":-1'),
        (64 * b"a", 64 * b"A"),
        (64 * b"a", 63 * b"a"),
        (b"file:///data/x%0Ay.txt", b""),
        (b"file:///data/x%0Ay.txt", b"x.txt"),
        (b"file:///data/x%0Ay.txt", b"file:///data/x y.txt"),
        (b"file:///data/x%0Ay.txt", b"file:///data/x\\u0041.txt"),
        (b"file:///data/x%0Ay.txt", b"file:///data/gr\xc3\xb6sse"),
        (rb"x\\ny.txt", b""),
        (rb"x\\ny.txt", rb"x\u0000"),
        (rb"x\\ny.txt", rb"x\ud800"),
        (rb"x\\ny.txt", rb"x\y"),
        (rb"x\\ny.txt", b"x\xff"),
        (rb"x\\ny.txt", b"x\ny"),
    ],
)
def test_other_heads_are_not_recognized(old, new):
    """Such a document is read strictly, by a model, and what the model refuses must not pass here."""
    document = write([number("ab")])
    assert old in document

    assert parse_head(document.replace(old, new, 1)) is None


@pytest.mark.parametrize("name", [rb"a \"quoted\" one", rb"\\u0000", "größe 日本".encode(), rb"\u00e9"])
def test_source_name_may_hold_any_string(name):
    document = write([number("ab")]).replace(rb"x\\ny.txt", name, 1)

    assert json.loads(document)["source"]["name"] == parse_head(document)[0].name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"record_count":2', b'"record_count":02'),
        (b'"record_count":2', b'"record_count":-2'),
        (b'"record_count":2', b'"record_count":9999999999999999999'),
        (b'"record_count":2,', b'"record_count":2, '),
        (b'"}\n', b'"}'),
        (b'"}\n', b'"}\n\n'),
        (b'"}\n', b'","more":1}\n'),
    ],
)
def test_other_tails_are_not_recognized(old, new):
    document = write([number("ab")])
    assert document != (changed := new.join(document.rsplit(old, 1)))

    assert parse_tail(changed[-TAIL_LIMIT:]) is None
