"""Job B: what is bad in a file is bad in memory too, and no batch comes of it."""

import json

import pytest

from pipeline_jobs import JobB
from pipeline_jobs.testing import MemoryStore

SHAPE = 'expected a list of records, or an object with "records"'


@pytest.fixture
def store():
    return MemoryStore()


BAD = [
    ({}, "input.shape", f'{SHAPE}, got an object without a list of "records"'),
    ({"records": "a"}, "input.shape", f'{SHAPE}, got an object without a list of "records"'),
    ([7], "input.shape", 'expected a string or an object with "content", got a number'),
    ([["a"]], "input.shape", 'expected a string or an object with "content", got a list'),
    ([{"content": 7}], "input.shape", 'expected a string as "content", got a number'),
    ([{"content": "a", "more": 1}], "input.shape", "unknown key 'more'"),
    (
        [{"content": "a", "line_number": 0}],
        "input.shape",
        "a line number is a whole number between 1 and 2^63 - 1",
    ),
    (
        [{"content": "a", "line_number": 2**63}],
        "input.shape",
        "a line number is a whole number between 1 and 2^63 - 1",
    ),
    (
        [{"content": "a", "line_number": 1.0}],
        "input.shape",
        "a line number is a whole number between 1 and 2^63 - 1",
    ),
    ([{"content": "a", "line_number": 2}, "b"], "input.repeated_line", "line number 2 is given twice"),
    (["\0"], "input.nul", "a NUL character is no text"),
    (["\ud800"], "input.surrogate", "a lone surrogate is no text"),
    ([{"\ud800": 1}], "input.shape", 'expected a string as "content", got nothing'),
    ([{"content": "a", "\ud800": 1}], "input.shape", r"unknown key '\ud800'"),
    ({"records": [], "more": 1}, "input.shape", "'more': unknown key;"),
    ({"records": [], "version": 2}, "input.shape", "'version': newer than this program knows, which is 1"),
    (
        {"records": ["a"], "record_count": 2},
        "input.count",
        "holds 1 records where record_count says 2; without",
    ),
    (
        {"records": ["a"], "records_sha256": 64 * "0"},
        "input.hash",
        "the records are not those of records_sha256;",
    ),
]
# JSON has no word for these, or they cannot stand in a dictionary: only the refusal is common.
ODD = [
    ([float("nan")], "input.number", "input.shape"),
    ([float("inf")], "input.number", "input.shape"),
    ([10**400], "input.number", "input.shape"),
    ({"records": [], "more": float("nan")}, "input.number", "input.shape"),
    ({"records": [{"content": "a", "line_number": 10**400}]}, "input.number", "input.shape"),
]


@pytest.mark.parametrize(("data", "code", "message"), BAD, ids=[json.dumps(data) for data, *_ in BAD])
def test_what_is_bad_is_refused_in_a_file_and_in_memory_alike(tmp_path, store, data, code, message):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data))

    for value, where in ((path, str(path)), (data, "memory")):
        result = JobB(store).execute(value)

        assert code == result.code
        assert result.error.startswith((f"{where}: {message}", f"{where}, record 1: {message}"))
    assert {} == store.batches


@pytest.mark.parametrize(
    ("data", "in_file", "in_memory"), ODD, ids=[json.dumps(data)[:40] for data, *_ in ODD]
)
def test_numbers_beyond_reason_are_refused_everywhere(tmp_path, store, data, in_file, in_memory):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data))

    assert in_file == JobB(store).execute(path).code
    assert in_memory == JobB(store).execute(data).code
    assert {} == store.batches


def test_nesting_beyond_reason_is_refused_everywhere(tmp_path, store):
    data = []
    for _ in range(100_000):
        data = [data]
    path = tmp_path / "x.json"
    path.write_text(100_001 * "[" + 100_001 * "]")

    assert "input.nesting" == JobB(store).execute(path).code
    assert "input.shape" == JobB(store).execute(data).code
    assert {} == store.batches


@pytest.mark.parametrize("value", [None, 7, 1.5, ("a",), "", "no such file", "/dev", b"x.json"])
def test_what_is_neither_data_nor_a_file_is_refused(store, value):
    assert JobB(store).execute(value).code.startswith("input.")


def test_a_line_number_given_twice_is_refused_before_a_store_meets_it(pieces_of, store):
    """A database would say that a constraint failed, which is no word of a person's."""

    class Unready:
        def load(self, source, chunks, on_duplicate):
            return store.load(source, [next(iter(chunks))], on_duplicate)

    with pieces_of(100, 2):
        result = JobB(Unready()).execute(["a", "b", "c", {"content": "d", "line_number": 1}])

    assert ("input.repeated_line", "memory: line number 1 is given twice") == (result.code, result.error)
    assert {} == store.batches
