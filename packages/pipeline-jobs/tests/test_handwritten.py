"""Records written by hand: clear ones are accepted, all others are refused."""

from enum import StrEnum
from itertools import batched

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import InputError, Record
from pipeline_jobs.documents import handwritten
from pipeline_jobs.documents.handwritten import parse_records, split_document
from pipeline_jobs.documents.records import MAX_INTEGER

SHAPE = 'x: expected a list of records, or an object with "records"'
STRING = "expected a string or an object with"
NUMBER = "a line number is a whole number between 1 and 2^63 - 1"


class Colour(StrEnum):
    RED = "red"


class Number(int):
    pass


def parse(elements):
    batches = batched(elements, handwritten.CHUNK)
    return [record for chunk in parse_records(batches, "x") for record in chunk]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([], []),
        (["a", "b"], [Record(1, "a"), Record(2, "b")]),
        ([{"content": "a"}, "b"], [Record(1, "a"), Record(2, "b")]),
        ([{"line_number": 7, "content": "a"}, "b"], [Record(7, "a"), Record(2, "b")]),
        ([{"content": "a", "line_number": MAX_INTEGER}], [Record(MAX_INTEGER, "a")]),
        (["", " ", "a\nb\r"], [Record(1, ""), Record(2, " "), Record(3, "a\nb\r")]),
        (
            [{"content": "b", "line_number": 2}, {"content": "a", "line_number": 1}],
            [Record(2, "b"), Record(1, "a")],
        ),
    ],
)
def test_strings_and_objects_become_records(elements, expected):
    assert expected == parse(elements)


def test_subclasses_of_str_and_int_become_plain_values():
    """Data in memory may hold members of an Enum, which have no canonical form."""
    (record,) = parse([{"content": Colour.RED, "line_number": Number(7)}])

    assert Record(7, "red") == record
    assert (int, str) == (type(record.line_number), type(record.content))


@pytest.mark.parametrize(
    ("element", "code", "message"),
    [
        (None, "input.shape", f'{STRING} "content", got nothing'),
        (7, "input.shape", f'{STRING} "content", got a number'),
        (1.5, "input.shape", f'{STRING} "content", got a number'),
        (True, "input.shape", f'{STRING} "content", got a boolean'),
        (["a"], "input.shape", f'{STRING} "content", got a list'),
        (("a",), "input.shape", f'{STRING} "content", got a tuple'),
        (b"a", "input.shape", f'{STRING} "content", got bytes'),
        ({}, "input.shape", 'expected a string as "content", got nothing'),
        ({"content": None}, "input.shape", 'expected a string as "content", got nothing'),
        ({"content": 7}, "input.shape", 'expected a string as "content", got a number'),
        ({"content": {}}, "input.shape", 'expected a string as "content", got an object'),
        ({"content": "a", "line": 1}, "input.shape", "unknown key 'line'"),
        ({"content": "a", "\x1b[31m": 1}, "input.shape", r"unknown key '\x1b[31m'"),
        ({"content": "a", 7: 1}, "input.shape", "unknown key 7"),
        ({"content": "a", "line_number": 0}, "input.shape", NUMBER),
        ({"content": "a", "line_number": -1}, "input.shape", NUMBER),
        ({"content": "a", "line_number": 2**63}, "input.shape", NUMBER),
        ({"content": "a", "line_number": 1.0}, "input.shape", NUMBER),
        ({"content": "a", "line_number": True}, "input.shape", NUMBER),
        ({"content": "a", "line_number": "1"}, "input.shape", NUMBER),
        ({"content": "a", "line_number": None}, "input.shape", NUMBER),
        ("a\0b", "input.nul", "NUL characters are not allowed"),
        ({"content": "\0"}, "input.nul", "NUL characters are not allowed"),
        ("\ud800", "input.surrogate", "lone surrogates are not allowed"),
        ({"content": "a\udfff"}, "input.surrogate", "lone surrogates are not allowed"),
    ],
)
def test_invalid_element_is_refused_with_its_position(element, code, message):
    with pytest.raises(InputError) as caught:
        parse(["a", "b", element])

    assert (code, f"x, record 3: {message}") == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_position_counts_across_chunks(set_block_size, chunk):
    with set_block_size(1, chunk), pytest.raises(InputError, match="x, record 5: lone surrogates"):
        parse([*"abcd", "\udfff", "\ud800"])


@given(st.lists(st.integers(1, 12)), st.integers(1, 5))
def test_repeated_line_number_is_refused(set_block_size, numbers, chunk):
    """However far apart the two are, and whether or not the numbers before ascend."""
    elements = [{"content": "a", "line_number": number} for number in numbers]
    if len(set(numbers)) == len(numbers):
        with set_block_size(1, chunk):
            assert numbers == [record.line_number for record in parse(elements)]
        return

    with set_block_size(1, chunk), pytest.raises(InputError) as caught:
        parse(elements)

    assert "input.repeated_line" == caught.value.code
    assert any(
        f"x: line number {n} is given twice" == str(caught.value) for n in numbers if numbers.count(n) > 1
    )


def test_position_equal_to_a_given_line_number_is_refused():
    with pytest.raises(InputError, match="x: line number 2 is given twice"):
        parse([{"content": "a", "line_number": 2}, "b"])


def test_line_number_of_an_earlier_chunk_is_remembered():
    """The numbers of a chunk that was passed on are still known."""
    elements = [str(n) for n in range(1, 20_001)] + [{"content": "again", "line_number": 1}]

    with pytest.raises(InputError, match="x: line number 1 is given twice"):
        parse(elements)


def test_list_tuple_or_object_with_records_is_a_document():
    assert ({}, ["a"]) == split_document(["a"], "x")
    assert ({}, ("a",)) == split_document(("a",), "x")
    assert ({"version": 1}, ["a"]) == split_document({"version": 1, "records": ["a"]}, "x")
    assert ({"version": 1}, ("a",)) == split_document({"version": 1, "records": ("a",)}, "x")


@pytest.mark.parametrize(
    ("data", "got"),
    [
        ({}, 'an object without a list of "records"'),
        ({"records": "a"}, 'an object without a list of "records"'),
        ({"records": None}, 'an object without a list of "records"'),
        ({"Records": []}, 'an object without a list of "records"'),
        ("a", "a string"),
        (7, "a number"),
        (None, "nothing"),
        ({"a"}, "set"),
    ],
)
def test_other_data_is_refused(data, got):
    with pytest.raises(InputError) as caught:
        split_document(data, "x")

    assert ("input.shape", f"{SHAPE}, got {got}") == (caught.value.code, str(caught.value))


ELEMENT = st.one_of(
    st.text(max_size=3),
    st.sampled_from([Colour.RED, "a\0", "\ud800", None, 1.0, True, Record(1, "a")]),
    st.fixed_dictionaries(
        {"content": st.sampled_from(["a", "", "\0", Colour.RED, None, 5, "\udfff"])},
        optional={
            "line_number": st.sampled_from([1, 2, 3, Number(4), 0, 2**63, MAX_INTEGER, 1.0, True, "1"]),
            "more": st.just(1),
        },
    ),
)


@given(
    st.one_of(
        st.lists(ELEMENT),
        st.lists(st.text(max_size=3)),
        st.lists(ELEMENT.filter(lambda element: isinstance(element, dict))),
    )
)
def test_fast_parsing_equals_strict_parsing(elements):
    """Fast parsing accepts nothing that strict parsing refuses or reads differently."""

    def get_outcome():
        try:
            return [(type(r.content), type(r.line_number), r) for r in parse(elements)]
        except InputError as error:
            return error.code, str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handwritten, "_parse_plain", lambda *_: None)
        strict = get_outcome()

    assert strict == get_outcome()
