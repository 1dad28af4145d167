"""Records, their canonical form, and the hash of it, which any JSON library can reproduce."""

import hashlib
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import Record, RecordsDigest
from pipeline_jobs.documents.records import MAX_INTEGER, Chunk, encode_canonical

records = st.lists(st.builds(Record, st.integers(1, MAX_INTEGER), st.text()))


def write_with_json(some):
    """Write the canonical form with the standard library."""
    fields = [{"line_number": record.line_number, "content": record.content} for record in some]
    return ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in fields).encode()


@given(records)
def test_canonical_form_is_one_compact_json_object_per_line(some):
    assert write_with_json(some) == encode_canonical(some) == Chunk(some).canonical


def test_control_characters_have_one_form():
    """Else the hash would depend on how a tab is escaped."""
    some = [Record(1, "".join(map(chr, range(1, 0xA0))) + '"\\/\u2028')]

    assert write_with_json(some) == encode_canonical(some)


def test_chunk_is_a_tuple_of_records_with_their_canonical_form():
    chunk = Chunk(Record(n, "x") for n in (1, 2))

    assert (Record(1, "x"), Record(2, "x")) == chunk
    assert b'{"line_number":1,"content":"x"},\n{"line_number":2,"content":"x"}' == chunk.canonical


def test_chunk_survives_pickling():
    chunk = Chunk([Record(1, "größe")])

    copy = pickle.loads(pickle.dumps(chunk))

    assert (chunk, chunk.canonical) == (copy, copy.canonical)


def test_lone_surrogate_has_no_canonical_form():
    with pytest.raises(UnicodeEncodeError):
        Chunk([Record(1, "\ud800")])


def test_record_is_frozen():
    with pytest.raises(AttributeError):
        Record(1, "x").content = "y"


@pytest.mark.parametrize("number", [0, -1, 2**63, 1.5, "1"])
def test_line_number_outside_its_bounds_is_refused(number):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"line_number": number, "content": "x"}, Record)


@given(records, st.data())
def test_digest_does_not_depend_on_the_chunks(some, data):
    cut = data.draw(st.integers(0, len(some)))
    digest = RecordsDigest()

    for chunk in (some[:cut], [], Chunk(some[cut:])):
        digest.update(chunk)

    assert len(some) == digest.count
    assert hashlib.sha256(write_with_json(some)).hexdigest() == digest.sha256


def test_digest_of_no_records_is_that_of_no_bytes():
    assert (0, hashlib.sha256(b"").hexdigest()) == (RecordsDigest().count, RecordsDigest().sha256)
