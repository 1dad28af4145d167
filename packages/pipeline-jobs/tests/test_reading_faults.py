"""A document that was touched is refused, or holds the same records: never other ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_jobs import reading

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
def whole(document, records):
    return document(records)


@pytest.fixture(scope="module")
def small(document, records):
    return document(records[:4])


@pytest.mark.parametrize("block", [100, 1000, 1 << 20])
@pytest.mark.parametrize("change", OTHER_FORMS)
def test_a_record_in_another_form_is_the_same_record(read, pieces_of, whole, records, change, block):
    """From there on the document is read strictly; what was handed on before is not handed on again."""
    assert 1 == whole.count(change[0])

    with pieces_of(block, 7):
        assert records == read(whole.replace(*change))[1]


@pytest.mark.parametrize("block", [100, 1000, 1 << 20])
@pytest.mark.parametrize(("old", "new", "code"), REFUSED)
def test_a_fault_in_the_middle_is_refused(read, pieces_of, whole, old, new, code, block):
    assert 1 == whole.count(old)

    with pieces_of(block, 7):
        assert code == read(whole.replace(old, new))


@settings(max_examples=150)
@given(data=st.data(), byte=st.integers(0, 255), block=st.sampled_from([3, 50, 1 << 20]))
def test_one_wrong_byte_is_refused_or_changes_no_record(read, pieces_of, small, records, data, byte, block):
    """And the fast way sees what the strict one sees."""
    at = data.draw(st.integers(0, len(small) - 1))
    corrupt = small[:at] + bytes([byte]) + small[at + 1 :]

    with pieces_of(block):
        found = read(corrupt)
        strictly = read(corrupt, reading._strict)

    assert strictly == found
    assert isinstance(found, str) or records[:4] == found[1]


@given(data=st.data())
def test_a_truncated_document_is_refused(read, small, data):
    """All but the last byte, a line end, is needed."""
    length = data.draw(st.integers(0, len(small) - 1))

    found = read(small[:length])

    assert (found in ("input.json", "input.undecodable")) == (length < len(small) - 1)
