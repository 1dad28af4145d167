"""Strict JSON: read in pieces as `json` reads the whole, and refused where programs differ."""

import json
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline_jobs import InputError
from pipeline_jobs.documents import size_limits
from pipeline_jobs.documents.size_limits import DEFAULT_MAX_RECORD_BYTES
from pipeline_jobs.documents.strict_json import JsonStream
from pipeline_jobs.storage.input import LocalInput

SIZES = st.integers(3, 40)  # a byte order mark has three bytes
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(scalars, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=10)
layouts = st.fixed_dictionaries({"indent": st.sampled_from([None, 0, 2]), "ensure_ascii": st.booleans()})
# Text that is nearly JSON.
WORDS = ["true", "nul", "null", "NaN", "-Infinity", " ", "\n", "\t", "é", "\x01", "[1,", '{"a":', "1.5"]
SIGNS = ["[", "]", "{", "}", ",", ":", '"', '"a"', '"b"', "\\", "\\u00", "1", "0", "-", ".", "5", "e", "E+"]
scraps = st.lists(st.sampled_from(WORDS + SIGNS)).map("".join)


@pytest.fixture(scope="module")
def parse(tmp_path_factory, set_block_size):
    """A function that reads JSON text from a file, in blocks of a given size."""
    path = tmp_path_factory.mktemp("json") / "x.json"

    def parse_text(text, size=1 << 20, take=JsonStream.read_value, limit=DEFAULT_MAX_RECORD_BYTES):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with LocalInput(path) as file, set_block_size(size):
            file.where = "x.json"
            stream = JsonStream(file, limit)
            value = take(stream)
            stream.expect_end()
            return value

    return parse_text


def read_piecewise(stream):
    """Read an array or an object value by value."""
    match stream.peek():
        case "[":
            return list(stream.iterate_items())
        case "{":
            return {key: stream.read_value() for key in stream.iterate_keys()}
        case _:
            return stream.read_value()


UTF_16 = "it begins with the mark of UTF-16, and a document is plain JSON in UTF-8"


@pytest.mark.parametrize("take", [JsonStream.read_value, read_piecewise])
@given(value=values, layout=layouts, size=SIZES)
def test_values_written_by_json_are_read_back(parse, take, value, layout, size):
    text = json.dumps(value, **layout)

    # 1, 1.0 and True are equal, their texts are not.
    assert repr(value) == repr(parse(text, size, take)) == repr(parse(f"\ufeff{text}\n", size, take))


@pytest.mark.parametrize("take", [JsonStream.read_value, read_piecewise])
@settings(max_examples=150)
@given(text=scraps, size=SIZES)
@example(text="[11.5,2e5,3E+5,4e-5,5]", size=3)
@example(text="[1.5.]", size=3)
def test_only_what_json_reads_is_accepted(parse, take, text, size):
    """Blocks may end in a number, in an escape or in the middle of a word."""
    try:
        expected = repr(json.loads(text))
    except ValueError:
        expected = "input.json"

    try:
        found = repr(parse(text, size, take))
    except InputError as error:
        found = error.code

    odd = {"input.repeated_key"} if text.count('"') > 2 else set()
    odd |= {"input.number"} if re.search(r"NaN|Infinity|[eE]|[\d.]{40}", text) else set()
    assert found in {expected, *odd}


def get_outcome(parse, text, size, take):
    """Return the value, or the error's code and message up to a number, which may be cut by a block."""
    try:
        return repr(parse(text, size, take))
    except InputError as error:
        return error.code, str(error).partition("the number")[0]


@pytest.mark.parametrize("take", [JsonStream.read_value, read_piecewise])
@settings(max_examples=200)
@given(text=scraps, rest=st.sampled_from(["", "1" * 30, " " * 60, '"' + "a" * 60, "]" * 60]), data=st.data())
@example(text=r'["\ud83c\udf89\u00', rest="", data=None)
def test_outcome_does_not_depend_on_the_block_size(parse, take, text, rest, data):
    """An error is raised before the rest is read; it must be the error of the whole text."""
    whole = get_outcome(parse, text + rest, 1 << 20, take)
    sizes = range(3, len(text) + 3) if data is None else [data.draw(SIZES)]

    assert {whole} == {get_outcome(parse, text + rest, size, take) for size in sizes}


DOCUMENTS = [
    '{"records": [{"line_number": 12, "content": "a\\u00e9\\ud83c\\udf89\\n\\"x\\\\"}, "b"], "n": -12.5e+10}',
    '[true, false, null, -0.5, 1e10, {"a": [[], {}]}, "é日🎉", -12]',
    '["\\u00e9\\u00zz this is no escape, and a long way before the end of what there is"]',
    '[1, 2, tru, "this is no word, and a long way before the end of what there is"]',
    '[1, 2, -x, "this is no number, and a long way before the end of what there is"]',
    '[1, 2, -Infinit, "this is no number, and a long way before the end of what there is"]',
    '{"a": 1, "b" 2, "c": "this colon is missing a long way before the end of what there is"}',
    '{"a": 1, "b": [2 3], "c": "this comma is missing a long way before the end of what there is"}',
    '{"a": 1, "b": [2, ], "c": "this comma is too many a long way before the end of what there is"}',
    '{"a": 1, b: 2, "c": "these quotes are missing a long way before the end of what there is"}',
    '["a\tb", "this tab is not escaped, and a long way before the end of what there is"]',
    '["a \\x b", "this is no escape, and a long way before the end of what there is"]',
]


@pytest.mark.parametrize("text", DOCUMENTS)
def test_every_block_size_gives_the_outcome_of_json(parse, text):
    try:
        expected = repr(json.loads(text))
    except json.JSONDecodeError as error:
        expected = "input.json", f"x.json, line 1, column {error.colno}: invalid JSON: {error.msg}"

    found = {
        get_outcome(parse, text, size, JsonStream.read_value) for size in range(1, len(text.encode()) + 2)
    }

    assert {expected} == found


@pytest.mark.parametrize("size", [3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "input.json", "line 1, column 1: invalid JSON: Expecting value"),
        ("\ufeff\ufeff1", "input.json", "line 1, column 2: invalid JSON: Expecting value"),
        ('[1,\n "a', "input.json", "line 2, column 2: invalid JSON: Unterminated string starting at"),
        ("[1,\n2\n,\n  x]", "input.json", "line 4, column 3: invalid JSON: Expecting value"),
        ('["a\nb"]', "input.json", "line 1, column 4: invalid JSON: Invalid control character at"),
        ("[1]\n\n  2", "input.json", "line 3, column 3: invalid JSON: expected the end"),
        ("[01]", "input.json", "line 1, column 3: invalid JSON: Expecting ',' delimiter"),
        ("['a']", "input.json", "line 1, column 2: invalid JSON: Expecting value"),
        ("\n[NaN]", "input.number", "line 2: NaN is not a JSON number"),
        ("[-Infinity]", "input.number", "line 1: -Infinity is not a JSON number"),
        ("[1e999]", "input.number", "line 1: the number 1e999 is too large"),
        (f"[{5000 * '7'}]", "input.number", f"line 1: the number {40 * '7'}… has too many digits"),
        (f"[0.{5000 * '7'}]", "input.number", f"line 1: the number 0.{38 * '7'}… has too many digits"),
        ('[\n{"a": 1, "a": 1}]', "input.repeated_key", "line 1: the key 'a' is given twice"),
        ('{"a": 1, "\\u0061": 1}', "input.repeated_key", "line 1: the key 'a' is given twice"),
        ('{"\\u001b": 1, "\\u001b": 1}', "input.repeated_key", r"line 1: the key '\x1b' is given twice"),
        (100_000 * "[", "input.nesting", "line 1: nested too deep"),
        (100_000 * '{"a":', "input.nesting", "line 1: nested too deep"),
        (b'["a",\n"\xff"]', "input.undecodable", "byte 7, line 2: not utf-8"),
        (b'["a",\n"\xed\xa0\x80"]', "input.undecodable", "byte 7, line 2: not utf-8"),
        (b'["a",\n"\xe2\x82', "input.undecodable", "byte 7, line 2: not utf-8"),
        (
            '["a"]'.encode("utf-16"),
            "input.undecodable",
            f"byte 0, line 1: not utf-8; {UTF_16}",
        ),
    ],
    ids=lambda value: None if isinstance(value, str | int) and len(str(value)) < 60 else "",
)
def test_invalid_json_is_refused_with_its_place(parse, text, code, message, size):
    with pytest.raises(InputError) as caught:
        parse(text, size)

    assert (code, f"x.json, {message}") == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("size", [3, 4, 1 << 20])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1}", "line 1, column 2: invalid JSON: expected a key in double quotes"),
        ('{"a" 1}', "line 1, column 6: invalid JSON: expected ':', found '1'"),
        ('{"a": 1 "b": 1}', "line 1, column 9: invalid JSON: expected ',', found '\"'"),
        ('{"a": 1,\n}', "line 2, column 1: invalid JSON: expected a key in double quotes"),
        ('{"a": 1', "line 1, column 8: invalid JSON: expected ',', found the end"),
        ("[1 \x1b]", r"line 1, column 4: invalid JSON: expected ',', found '\x1b'"),
        ("[1,\n\n]", "line 3, column 1: invalid JSON: Expecting value"),
        ("[1", "line 1, column 3: invalid JSON: expected ',', found the end"),
        ("[1]]", "line 1, column 4: invalid JSON: expected the end"),
    ],
)
def test_invalid_punctuation_is_refused_with_its_place(parse, text, message, size):
    with pytest.raises(InputError) as caught:
        parse(text, size, read_piecewise)

    assert ("input.json", f"x.json, {message}") == (caught.value.code, str(caught.value))


def test_repeated_key_is_refused_before_its_value_is_read(parse):
    with pytest.raises(InputError) as caught:
        parse('{"a": 1,\n"b": 2, "a": oops', take=read_piecewise)

    assert "x.json, line 2: the key 'a' is given twice" == str(caught.value)


def test_numbers_of_up_to_40_digits_are_read(parse):
    assert [10**39, -(10**38), math.pi, 5e-324] == parse(json.dumps([10**39, -(10**38), math.pi, 5e-324]))


@pytest.fixture
def read_invalid(parse, monkeypatch):
    """A function that reads invalid JSON, at most 100 characters a value: its error, and the bytes read."""
    monkeypatch.setattr(size_limits, "_JSON_OVERHEAD", 40)

    def read_refused(text, limit=10):
        streams = []

        def take(stream):
            streams.append(stream)
            return read_piecewise(stream)

        with pytest.raises(InputError) as caught:
            parse(text, 10, take, limit)
        return caught.value.code, str(caught.value), streams[0]._bytes

    return read_refused


@pytest.mark.parametrize(
    "text", ['["a",\n  "', '["a",\n  {"content": "', '["a",\n  [', '["a",\n  {"a":"\\u0041']
)
def test_endless_value_is_read_only_to_the_limit(read_invalid, text):
    """The memory for one value is bounded, however large the file is."""
    code, message, read = read_invalid(text + 5_000 * "1,")

    hint = "allow larger ones with --max-record-bytes"
    assert "input.record_size" == code
    assert f"x.json, line 2, column 3: a record of more than 10 bytes; {hint}" == message
    assert 100 < read < 150


@pytest.mark.parametrize(
    ("text", "place"),
    [('["a", nul', "column 7"), ('[{"a" 1', "column 7"), (r'["\x', "column 3"), ('["a\tb', "column 4")],
)
def test_invalid_json_is_refused_before_the_rest_is_read(read_invalid, text, place):
    code, message, read = read_invalid(text + 5_000 * "1,")

    assert "input.json" == code
    assert message.startswith(f"x.json, line 1, {place}: invalid JSON: ")
    assert read <= 40


def test_size_limit_does_not_depend_on_the_block_size(parse, monkeypatch):
    """A whole value that is larger than any allowed record is refused too."""
    monkeypatch.setattr(size_limits, "_JSON_OVERHEAD", 40)
    for size in range(3, 300):
        assert "x" * 98 == parse('"' + "x" * 98 + '"', size, limit=10)
        with pytest.raises(InputError, match="a record of more than 10 bytes"):
            parse('"' + "x" * 99 + '"', size, limit=10)


def test_surrogate_pair_is_one_character_for_any_block_size(parse):
    for size in range(3, 16):
        assert ["🎉"] == parse(r'["\ud83c\udf89"]', size)
