"""What `json` reads is read alike, in pieces; what could be misread is refused."""

import json
import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline_jobs import MAX_RECORD_BYTES, InputError, limits
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

    def parsed(text, size=1 << 20, take=JsonStream.value, limit=MAX_RECORD_BYTES):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with InputFile(path) as file, pieces_of(size):
            file.where = "x.json"
            stream = JsonStream(file, limit)
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


def outcome(parse, text, size, take):
    """Return the value, or the code and the words of the error; a number is told as far as it was read."""
    try:
        return repr(parse(text, size, take))
    except InputError as error:
        return error.code, str(error).partition("the number")[0]


@pytest.mark.parametrize("take", [JsonStream.value, piecewise])
@settings(max_examples=200)
@given(text=scraps, rest=st.sampled_from(["", "1" * 30, " " * 60, '"' + "a" * 60, "]" * 60]), data=st.data())
@example(text=r'["\ud83c\udf89\u00', rest="", data=None)
def test_what_json_is_told_does_not_depend_on_where_blocks_end(parse, take, text, rest, data):
    """An error that what follows cannot mend is told before it is read: it must be the error of the whole."""
    whole = outcome(parse, text + rest, 1 << 20, take)
    sizes = range(3, len(text) + 3) if data is None else [data.draw(SIZES)]

    assert {whole} == {outcome(parse, text + rest, size, take) for size in sizes}


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
def test_every_cut_gives_what_json_gives_of_the_whole(parse, text):
    try:
        expected = repr(json.loads(text))
    except json.JSONDecodeError as error:
        expected = "input.json", f"x.json, line 1, column {error.colno}: no valid JSON: {error.msg}"

    found = {outcome(parse, text, size, JsonStream.value) for size in range(1, len(text.encode()) + 2)}

    assert {expected} == found


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


@pytest.fixture
def bytes_read(parse, monkeypatch):
    """Reads JSON that is refused, of a value of 100 characters at most: the error, and the bytes it took."""
    monkeypatch.setattr(limits, "_BESIDE", 40)

    def refused(text, limit=10):
        streams = []

        def take(stream):
            streams.append(stream)
            return piecewise(stream)

        with pytest.raises(InputError) as caught:
            parse(text, 10, take, limit)
        return caught.value.code, str(caught.value), streams[0]._bytes

    return refused


@pytest.mark.parametrize(
    "text", ['["a",\n  "', '["a",\n  {"content": "', '["a",\n  [', '["a",\n  {"a":"\\u0041']
)
def test_a_value_that_does_not_end_is_not_read_to_the_end(bytes_read, text):
    """The memory for one value has a bound, however large the file."""
    code, message, read = bytes_read(text + 5_000 * "1,")

    hint = "allow larger ones with --max-record-bytes"
    assert "input.record_size" == code
    assert f"x.json, line 2, column 3: a record of more than 10 bytes; {hint}" == message
    assert 100 < read < 150


@pytest.mark.parametrize(
    ("text", "place"),
    [('["a", nul', "column 7"), ('[{"a" 1', "column 7"), (r'["\x', "column 3"), ('["a\tb', "column 4")],
)
def test_bad_json_is_refused_before_the_rest_is_read(bytes_read, text, place):
    code, message, read = bytes_read(text + 5_000 * "1,")

    assert "input.json" == code
    assert message.startswith(f"x.json, line 1, {place}: no valid JSON: ")
    assert read <= 40


def test_a_value_is_as_large_as_it_is_wherever_a_block_ends(parse, monkeypatch):
    """One that is whole, but larger than a record within the limit can be, is refused all the same."""
    monkeypatch.setattr(limits, "_BESIDE", 40)
    for size in range(3, 300):
        assert "x" * 98 == parse('"' + "x" * 98 + '"', size, limit=10)
        with pytest.raises(InputError, match="a record of more than 10 bytes"):
            parse('"' + "x" * 99 + '"', size, limit=10)


def test_a_surrogate_pair_is_one_character_wherever_a_block_ends(parse):
    for size in range(3, 16):
        assert ["🎉"] == parse(r'["\ud83c\udf89"]', size)
