"""What `json` reads is read alike, in pieces; what could be misread is refused."""

import json
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline_jobs import InputError, strict_json
from pipeline_jobs.input_file import InputFile
from pipeline_jobs.strict_json import JsonStream

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
def parse(tmp_path_factory, pieces_of):
    """Reads JSON text from a file, in blocks of so many bytes."""
    path = tmp_path_factory.mktemp("json") / "x.json"

    def parsed(text, size=1 << 20, take=JsonStream.value):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with InputFile(path) as file, pieces_of(size):
            file.where = "x.json"
            stream = JsonStream(file)
            value = take(stream)
            stream.end()
            return value

    return parsed


def piecewise(stream):
    """Take an array or an object value by value."""
    match stream.peek():
        case "[":
            return list(stream.items())
        case "{":
            return {key: stream.value() for key in stream.members()}
        case _:
            return stream.value()


@pytest.mark.parametrize("take", [JsonStream.value, piecewise])
@given(value=values, layout=layouts, size=SIZES)
def test_all_that_json_writes_is_read_back(parse, take, value, layout, size):
    text = json.dumps(value, **layout)

    # 1, 1.0 and True are equal, their texts are not.
    assert repr(value) == repr(parse(text, size, take)) == repr(parse(f"\ufeff{text}\n", size, take))


@pytest.mark.parametrize("take", [JsonStream.value, piecewise])
@settings(max_examples=150)
@given(text=scraps, size=SIZES)
@example(text="[11.5,2e5,3E+5,4e-5,5]", size=3)
@example(text="[1.5.]", size=3)
def test_nothing_is_read_that_json_does_not_read(parse, take, text, size):
    """Wherever a block ends: in a number, in an escape, in the middle of a word."""
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


@pytest.mark.parametrize("size", [3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "input.json", "line 1, column 1: no valid JSON: Expecting value"),
        ("\ufeff\ufeff1", "input.json", "line 1, column 2: no valid JSON: Expecting value"),
        ('[1,\n "a', "input.json", "line 2, column 2: no valid JSON: Unterminated string starting at"),
        ("[1,\n2\n,\n  x]", "input.json", "line 4, column 3: no valid JSON: Expecting value"),
        ('["a\nb"]', "input.json", "line 1, column 4: no valid JSON: Invalid control character at"),
        ("[1]\n\n  2", "input.json", "line 3, column 3: no valid JSON: expected the end"),
        ("[01]", "input.json", "line 1, column 3: no valid JSON: Expecting ',' delimiter"),
        ("['a']", "input.json", "line 1, column 2: no valid JSON: Expecting value"),
        ("\n[NaN]", "input.number", "line 2: NaN is no JSON number"),
        ("[-Infinity]", "input.number", "line 1: -Infinity is no JSON number"),
        ("[1e999]", "input.number", "line 1: the number 1e999 is beyond reason"),
        (f"[{5000 * '7'}]", "input.number", f"line 1: the number {40 * '7'}… is beyond reason"),
        (f"[0.{5000 * '7'}]", "input.number", f"line 1: the number 0.{38 * '7'}… is beyond reason"),
        ('[\n{"a": 1, "a": 1}]', "input.repeated_key", "line 1: the key 'a' is given twice"),
        ('{"a": 1, "\\u0061": 1}', "input.repeated_key", "line 1: the key 'a' is given twice"),
        ('{"\\u001b": 1, "\\u001b": 1}', "input.repeated_key", r"line 1: the key '\x1b' is given twice"),
        (100_000 * "[", "input.nesting", "line 1: nested too deep"),
        (100_000 * '{"a":', "input.nesting", "line 1: nested too deep"),
        (b'["a",\n"\xff"]', "input.undecodable", "byte 7, line 2: not utf-8"),
        (b'["a",\n"\xed\xa0\x80"]', "input.undecodable", "byte 7, line 2: not utf-8"),
        (b'["a",\n"\xe2\x82', "input.undecodable", "byte 7, line 2: not utf-8"),
        ('["a"]'.encode("utf-16"), "input.undecodable", "byte 0, line 1: not utf-8"),
    ],
    ids=lambda value: None if isinstance(value, str | int) and len(str(value)) < 60 else "",
)
def test_bad_json_is_refused_with_its_place(parse, text, code, message, size):
    with pytest.raises(InputError) as caught:
        parse(text, size)

    assert (code, f"x.json, {message}") == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("size", [3, 4, 1 << 20])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: 1}", "line 1, column 2: no valid JSON: expected a key in double quotes"),
        ('{"a" 1}', "line 1, column 6: no valid JSON: expected ':', found '1'"),
        ('{"a": 1 "b": 1}', "line 1, column 9: no valid JSON: expected ',', found '\"'"),
        ('{"a": 1,\n}', "line 2, column 1: no valid JSON: expected a key in double quotes"),
        ('{"a": 1', "line 1, column 8: no valid JSON: expected ',', found the end"),
        ("[1 \x1b]", r"line 1, column 4: no valid JSON: expected ',', found '\x1b'"),
        ("[1,\n\n]", "line 3, column 1: no valid JSON: Expecting value"),
        ("[1", "line 1, column 3: no valid JSON: expected ',', found the end"),
        ("[1]]", "line 1, column 4: no valid JSON: expected the end"),
    ],
)
def test_bad_punctuation_is_refused_with_its_place(parse, text, message, size):
    with pytest.raises(InputError) as caught:
        parse(text, size, piecewise)

    assert ("input.json", f"x.json, {message}") == (caught.value.code, str(caught.value))


def test_a_repeated_key_is_refused_before_its_value_is_read(parse):
    with pytest.raises(InputError) as caught:
        parse('{"a": 1,\n"b": 2, "a": oops', take=piecewise)

    assert "x.json, line 2: the key 'a' is given twice" == str(caught.value)


def test_a_number_may_be_as_long_as_python_writes_one(parse):
    assert [10**39, -(10**38), math.pi, 5e-324] == parse(json.dumps([10**39, -(10**38), math.pi, 5e-324]))


def test_a_value_that_does_not_end_is_not_read_to_the_end(parse, monkeypatch):
    """The memory for one value has a bound, however large the file."""
    monkeypatch.setattr(strict_json, "MAX_VALUE", 100)
    streams = []

    def value(stream):
        streams.append(stream)
        return stream.value()

    with pytest.raises(InputError, match="Unterminated string"):
        parse('"' + 10_000 * "x", 10, value)

    assert streams[0]._bytes < 1000


def test_a_surrogate_pair_is_one_character_wherever_a_block_ends(parse):
    for size in range(3, 16):
        assert ["🎉"] == parse(r'["\ud83c\udf89"]', size)
