"""A document is JSON to everybody, checks itself, and is recognised by its layout alone."""

import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import Chunk, Record, Source
from pipeline_jobs.document import HEAD_LIMIT, TAIL_LIMIT, Writer, recognised_head, recognised_tail

SOURCE = Source("file:///data/x%0Ay.txt", r"x\ny.txt")
contents = st.lists(st.text().filter(lambda text: "\0" not in text))


def written(chunks, source=SOURCE, size=38, sha256=64 * "a"):
    stream = io.BytesIO()
    writer = Writer(stream, source)
    for chunk in chunks:
        writer.write(Chunk(chunk))
    writer.finish(size, sha256)
    return stream.getvalue()


def numbered(texts):
    return [Record(number, text) for number, text in enumerate(texts, 1)]


def test_the_layout_is_the_documented_one():
    document = written([[Record(1, "größe"), Record(3, 'a "b"')], [Record(4, "c")]])

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


def test_a_document_without_records_is_one_too():
    document = written([])

    assert [] == json.loads(document)["records"]
    assert hashlib.sha256(b"").hexdigest() == json.loads(document)["records_sha256"]


@given(contents, st.integers(0, 2**63 - 1))
def test_json_reads_it_and_the_hash_is_that_of_the_lines_between_the_brackets(texts, size):
    document = written([numbered(texts)] if texts else [], size=size)

    known = json.loads(document)
    start, end = document.index(b'"records":[\n') + 12, document.rindex(b'],\n"record_count"')

    assert [{"line_number": n, "content": text} for n, text in enumerate(texts, 1)] == known["records"]
    assert (len(texts), size) == (known["record_count"], known["source"]["bytes"])
    assert hashlib.sha256(document[start:end].removesuffix(b"\n")).hexdigest() == known["records_sha256"]


@given(contents)
def test_what_was_written_is_recognised(texts):
    document = written([numbered(texts)] if texts else [])

    source, start = recognised_head(document[:HEAD_LIMIT])
    count, sha256, length = recognised_tail(document[-TAIL_LIMIT:])

    assert Source(SOURCE.uri, SOURCE.name, 38, 64 * "a") == source
    assert (len(texts), json.loads(document)["records_sha256"]) == (count, sha256)
    assert document[:start].endswith(b'"records":[\n')
    assert document[-length:].startswith(b'],\n"record_count"')


def test_the_longest_path_is_recognised():
    """A path has 4,096 bytes at most, each of which may take three characters in a URI."""
    source = Source("file://" + 1365 * "/%FF%FF", 255 * "\\xff")
    document = written([], source)

    assert source.uri == recognised_head(document[:HEAD_LIMIT])[0].uri


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
def test_another_head_is_not_recognised(old, new):
    """It is then read strictly, by a model: what that refuses must not pass here."""
    document = written([numbered("ab")])
    assert old in document

    assert recognised_head(document.replace(old, new, 1)) is None


@pytest.mark.parametrize("name", [rb"a \"quoted\" one", rb"\\u0000", "größe 日本".encode(), rb"\u00e9"])
def test_a_name_may_hold_anything_a_string_can(name):
    document = written([numbered("ab")]).replace(rb"x\\ny.txt", name, 1)

    assert json.loads(document)["source"]["name"] == recognised_head(document)[0].name


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
def test_another_tail_is_not_recognised(old, new):
    document = written([numbered("ab")])
    assert document != (changed := new.join(document.rsplit(old, 1)))

    assert recognised_tail(changed[-TAIL_LIMIT:]) is None
