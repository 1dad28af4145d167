"""The canonical form is what every hash is over: the same for all who can write JSON."""

import hashlib
import json
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import MAX_INTEGER, Chunk, Record, RecordsDigest
from pipeline_jobs.records import canonical

records = st.lists(st.builds(Record, st.integers(1, MAX_INTEGER), st.text()))


def written_by_json(some):
    """Return the canonical form as the standard library would write it."""
    fields = [{"line_number": record.line_number, "content": record.content} for record in some]
    return ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in fields).encode()


@given(records)
def test_the_canonical_form_is_compact_json_line_by_line(some):
    assert written_by_json(some) == canonical(some) == Chunk(some).canonical


def test_every_control_character_has_one_form():
    """A hash must not depend on who escaped a tab."""
    some = [Record(1, "".join(map(chr, range(1, 0xA0))) + '"\\/\u2028')]

    assert written_by_json(some) == canonical(some)


def test_a_chunk_is_its_records():
    chunk = Chunk(Record(n, "x") for n in (1, 2))

    assert (Record(1, "x"), Record(2, "x")) == chunk
    assert b'{"line_number":1,"content":"x"},\n{"line_number":2,"content":"x"}' == chunk.canonical


def test_a_chunk_survives_pickling():
    chunk = Chunk([Record(1, "größe")])

    copy = pickle.loads(pickle.dumps(chunk))

    assert (chunk, chunk.canonical) == (copy, copy.canonical)


def test_a_lone_surrogate_has_no_canonical_form():
    with pytest.raises(UnicodeEncodeError):
        Chunk([Record(1, "\ud800")])


def test_a_record_cannot_be_changed():
    with pytest.raises(AttributeError):
        Record(1, "x").content = "y"


@pytest.mark.parametrize("number", [0, -1, 2**63, 1.5, "1"])
def test_a_line_number_is_read_only_within_its_bounds(number):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"line_number": number, "content": "x"}, Record)


@given(records, st.data())
def test_the_digest_does_not_depend_on_the_chunks(some, data):
    cut = data.draw(st.integers(0, len(some)))
    digest = RecordsDigest()

    for chunk in (some[:cut], [], Chunk(some[cut:])):
        digest.update(chunk)

    assert len(some) == digest.count
    assert hashlib.sha256(written_by_json(some)).hexdigest() == digest.sha256


def test_the_digest_of_nothing_is_that_of_no_bytes():
    assert (0, hashlib.sha256(b"").hexdigest()) == (RecordsDigest().count, RecordsDigest().sha256)
