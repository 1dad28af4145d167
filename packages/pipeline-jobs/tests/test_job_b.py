"""Job B: a document, in a file or in memory, becomes one batch."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_jobs import BaseJob, JobA, JobB, JobC, OnDuplicate, Record
from pipeline_jobs.testing import JobContract, MemoryStore

SHAPE = 'expected a list of records, or an object with "records"'


class TestJobB(JobContract):
    """The contract of every job."""

    good = {"records": ["a", {"content": "b", "line_number": 7}]}
    bad = {"records": None}

    def build(self) -> BaseJob[object, object]:
        return JobB(MemoryStore())


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes("größe\n\nthird\n".encode())
    return path


def lines_of(text):
    """Return the records as Python's own text files see them."""
    lines = [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]
    return [Record(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def test_a_document_becomes_a_batch(source, store, tmp_path):
    document = JobA(tmp_path).execute(source).unwrap()

    result = JobB(store).execute(document)

    assert (1, {"records": 2}) == (result.output, result.counts)
    assert [Record(1, "größe"), Record(3, "third")] == store.batches[1]


@given(
    text=st.one_of(
        st.lists(st.sampled_from(["\r", "\n", "a", "é🎉", " ", "\x85", "\u2028", "\v\f\x1c", '"\\'])).map("".join),
        st.text().filter(lambda text: "\0" not in text),
    ),
    mark=st.sampled_from(["", "\ufeff"]),
    block=st.integers(3, 30),
    chunk=st.integers(1, 5),
)
def test_any_text_goes_through_unchanged(pieces_of, tmp_path_factory, text, mark, block, chunk):
    folder = tmp_path_factory.mktemp("any")
    source, store = folder / "x.txt", MemoryStore()
    source.write_bytes((mark + text).encode())

    with pieces_of(block, chunk):
        document = JobA(folder).execute(source).unwrap()
        batch = JobB(store).execute(document).unwrap()
        document.write_text(json.dumps(json.loads(document.read_bytes())), encoding="ascii")
        again = JobB(store).execute(document)

    assert lines_of(text if mark else text.removeprefix("\ufeff")) == store.batches[batch]
    assert (batch, 1) == (again.output, again.counts["resumed"])  # the same identity: the same source and hash


@given(st.one_of(st.binary(), st.lists(st.sampled_from([b"\xff", b"\0", b"\n", b"a", b"\xe2\x82"])).map(b"".join)))
def test_any_bytes_are_refused_or_go_through(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    source, store = folder / "x.txt", MemoryStore()
    source.write_bytes(data)

    result = JobA(folder).execute(source)

    if result.success:
        batch = JobB(store).execute(result.output).unwrap()
        assert lines_of(data.decode("utf-8-sig")) == store.batches[batch]
    else:
        assert result.code in ("input.undecodable", "input.nul")
        assert [source] == list(folder.iterdir())


def test_the_source_is_the_original_file(source, store, tmp_path):
    """Where the document lies now does not matter: it is one batch."""
    document = JobA(tmp_path / "out").execute(source).unwrap()
    first = JobB(store).execute(document)
    document = document.rename(tmp_path / "moved.json")

    second = JobB(store).execute(document)

    assert (first.output, {"records": 2, "resumed": 1}) == (second.output, second.counts)


def test_a_document_without_a_source_is_its_own(store, tmp_path):
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    for path in (one, other):
        path.write_text('["a"]')

    assert [1, 2, 1] == [JobB(store).execute(path).output for path in (one, other, one)]
    assert 3 == JobB(store).execute(["a"]).output


@pytest.mark.parametrize(
    ("on_duplicate", "output", "counts"),
    [
        (OnDuplicate.SKIP, 1, {"records": 1, "duplicate": 1}),
        ("skip", 1, {"records": 1, "duplicate": 1}),
        ("load", 2, {"records": 1}),
        ("error", None, {}),
    ],
)
def test_a_finalized_batch_is_a_duplicate(store, on_duplicate, output, counts):
    JobC(store).execute(JobB(store).execute(["a"]).output).unwrap()

    result = JobB(store, on_duplicate).execute(["a"])

    assert (output, counts) == (result.output, result.counts)
    assert (None if output else "batch.duplicate") == result.code


def test_an_unknown_way_with_duplicates_is_refused():
    with pytest.raises(ValueError, match="'replace' is not a valid OnDuplicate"):
        JobB(MemoryStore(), "replace")


BAD = [
    ({}, "input.shape", f'{SHAPE}, got an object without a list of "records"'),
    ({"records": "a"}, "input.shape", f'{SHAPE}, got an object without a list of "records"'),
    ([7], "input.shape", 'expected a string or an object with "content", got a number'),
    ([["a"]], "input.shape", 'expected a string or an object with "content", got a list'),
    ([{"content": 7}], "input.shape", 'expected a string as "content", got a number'),
    ([{"content": "a", "more": 1}], "input.shape", "unknown key 'more'"),
    ([{"content": "a", "line_number": 0}], "input.shape", "a line number is a whole number between 1 and 2^63 - 1"),
    ([{"content": "a", "line_number": 2**63}], "input.shape", "a line number is a whole number between 1 and 2^63 - 1"),
    ([{"content": "a", "line_number": 1.0}], "input.shape", "a line number is a whole number between 1 and 2^63 - 1"),
    ([{"content": "a", "line_number": 2}, "b"], "input.repeated_line", "line number 2 is given twice"),
    (["\0"], "input.nul", "a NUL character is no text"),
    (["\ud800"], "input.surrogate", "a lone surrogate is no text"),
    ({"records": [], "more": 1}, "input.shape", "'more': unknown key;"),
    ({"records": [], "version": 2}, "input.shape", "'version': newer than this program knows, which is 1"),
    ({"records": ["a"], "record_count": 2}, "input.count", "holds 1 records where record_count says 2; without"),
    ({"records": ["a"], "records_sha256": 64 * "0"}, "input.hash", "the records are not those of records_sha256;"),
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

    for given, where in ((path, str(path)), (data, "memory")):
        result = JobB(store).execute(given)

        assert code == result.code
        assert result.error.startswith((f"{where}: {message}", f"{where}, record 1: {message}"))
    assert {} == store.batches


@pytest.mark.parametrize(("data", "in_file", "in_memory"), ODD, ids=[json.dumps(data)[:40] for data, *_ in ODD])
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


def test_a_file_that_changes_while_it_is_loaded_is_no_batch(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('["a", "b"]')

    class SlowStore(MemoryStore):
        def load(self, source, chunks, on_duplicate):
            with path.open("a") as stream:
                stream.write("\n")
            return super().load(source, chunks, on_duplicate)

    store = SlowStore()
    result = JobB(store).execute(path)

    assert ("input.changed", {}) == (result.code, store.batches)


def test_a_path_may_be_text(source, store, tmp_path):
    document: Path = JobA(tmp_path).execute(source).unwrap()

    assert 1 == JobB(store).execute(str(document)).output
