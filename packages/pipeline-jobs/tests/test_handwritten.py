"""Records as a person writes them: what is clear is taken, what is not is refused."""

from enum import StrEnum
from itertools import batched

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import MAX_INTEGER, InputError, Record, handwritten
from pipeline_jobs.handwritten import records_in, split

SHAPE = 'x: expected a list of records, or an object with "records"'
STRING = "expected a string or an object with"
NUMBER = "a line number is a whole number between 1 and 2^63 - 1"


class Colour(StrEnum):
    RED = "red"


class Number(int):
    pass


def taken(elements):
    batches = batched(elements, handwritten.CHUNK)
    return [record for chunk in records_in(batches, "x") for record in chunk]


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
def test_strings_and_objects_are_records(elements, expected):
    assert expected == taken(elements)


def test_a_value_that_derives_from_text_or_number_is_taken_as_plain():
    """Data in memory comes from everywhere; a member of an Enum has no canonical form."""
    (record,) = taken([{"content": Colour.RED, "line_number": Number(7)}])

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
        ("a\0b", "input.nul", "a NUL character is no text"),
        ({"content": "\0"}, "input.nul", "a NUL character is no text"),
        ("\ud800", "input.surrogate", "a lone surrogate is no text"),
        ({"content": "a\udfff"}, "input.surrogate", "a lone surrogate is no text"),
    ],
)
def test_anything_else_is_refused_by_its_position(element, code, message):
    with pytest.raises(InputError) as caught:
        taken(["a", "b", element])

    assert (code, f"x, record 3: {message}") == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_the_position_counts_over_all_chunks(pieces_of, chunk):
    with pieces_of(1, chunk), pytest.raises(InputError, match="x, record 5: a lone surrogate"):
        taken([*"abcd", "\udfff", "\ud800"])


@given(st.lists(st.integers(1, 12)), st.integers(1, 5))
def test_a_line_number_given_twice_is_refused(pieces_of, numbers, chunk):
    """However far apart, and whether or not the numbers grow up to there."""
    elements = [{"content": "a", "line_number": number} for number in numbers]
    if len(set(numbers)) == len(numbers):
        with pieces_of(1, chunk):
            assert numbers == [record.line_number for record in taken(elements)]
        return

    with pieces_of(1, chunk), pytest.raises(InputError) as caught:
        taken(elements)

    assert "input.repeated_line" == caught.value.code
    assert any(
        f"x: line number {n} is given twice" == str(caught.value) for n in numbers if numbers.count(n) > 1
    )


def test_a_position_may_repeat_a_number_given():
    with pytest.raises(InputError, match="x: line number 2 is given twice"):
        taken([{"content": "a", "line_number": 2}, "b"])


def test_the_last_of_many_may_repeat_the_first():
    """The numbers of a chunk that has been handed on are not forgotten."""
    elements = [str(n) for n in range(1, 20_001)] + [{"content": "again", "line_number": 1}]

    with pytest.raises(InputError, match="x: line number 1 is given twice"):
        taken(elements)


def test_a_list_or_an_object_with_records_is_a_document():
    assert ({}, ["a"]) == split(["a"], "x")
    assert ({"version": 1}, ["a"]) == split({"version": 1, "records": ["a"]}, "x")


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
        (("a",), "tuple"),
    ],
)
def test_any_other_data_is_no_document(data, got):
    with pytest.raises(InputError) as caught:
        split(data, "x")

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
def test_what_is_taken_in_one_go_is_what_is_taken_one_by_one(elements):
    """The fast way may take nothing that the strict one refuses or reads differently."""

    def outcome():
        try:
            return [(type(r.content), type(r.line_number), r) for r in taken(elements)]
        except InputError as error:
            return error.code, str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handwritten, "_plain_records", lambda *_: None)
        one_by_one = outcome()

    assert one_by_one == outcome()
