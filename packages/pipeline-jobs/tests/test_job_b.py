"""Job B: a document, in a file or in memory, becomes one batch; bad input is refused alike in both."""

import io
import json
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import BaseJob, BatchId, Csv, Finalized, JobA, JobB, JobC, Loaded, OnDuplicate, Record
from pipeline_jobs.testing import JobContract, MemoryStore


class TestJobB(JobContract):
    """The contract of every job."""

    good: ClassVar = {"records": ["a", {"content": "b", "line_number": 7}]}
    bad: ClassVar = {"records": None}

    def build(self) -> BaseJob[object, object]:
        return JobB(MemoryStore())


class RowStore(MemoryStore):
    """Keeps no typed rows, but counts them."""

    def get_row_type(self, schema):
        return list

    def load_rows(self, source, schema, sums, chunks, on_duplicate):
        loaded = sum(len(chunk.rows) for chunk in chunks)
        return Loaded(BatchId(1), loaded, rejected=sums.rejected)


@dataclass
class Order:
    id: int


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ("id\n1\n\nx\n2\n", {"read": 4, "records": 2, "rejected": 1, "blank": 1, "dropped": 0}),
        ("id\n1\n", {"read": 1, "records": 1, "rejected": 0, "blank": 0, "dropped": 0}),
        ("id\n", {"read": 0, "records": 0, "rejected": 0, "blank": 0, "dropped": 0}),
    ],
)
def test_all_rows_of_a_document_are_counted(tmp_path, rows, counts):
    """Also those that an earlier job has sorted out: so the sums are known where the batch is."""
    (tmp_path / "x.csv").write_text(rows)
    job = JobA(tmp_path, reader=Csv(), record=Order, max_rejects="50%")

    result = JobB(RowStore()).execute(job.execute(tmp_path / "x.csv").unwrap())

    assert (1, counts) == (result.unwrap(), result.counts)


PIECES = ["\ufeff", "\r", "\n", "a", "é🎉", " ", "\x85", "\u2028", "\v\f\x1c", '"\\']


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes("größe\n\nthird\n".encode())
    return path


def split_lines(text):
    """Return the records as Python's own text files split them."""
    lines = [line.removesuffix("\n") for line in io.StringIO(text, newline=None)]
    return [Record(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def test_document_becomes_a_batch(source, store, tmp_path):
    document = JobA(tmp_path).execute(source).unwrap()

    result = JobB(store).execute(document)

    assert (1, {"records": 2}) == (result.output, result.counts)
    assert [Record(1, "größe"), Record(3, "third")] == store.batches[1]


@given(
    text=st.lists(st.sampled_from(PIECES)).map("".join) | st.text().filter(lambda text: "\0" not in text),
    block=st.integers(3, 30),
    chunk=st.integers(1, 5),
)
def test_any_text_passes_through_both_jobs_unchanged(set_block_size, tmp_path_factory, text, block, chunk):
    folder = tmp_path_factory.mktemp("any")
    source, store = folder / "x.txt", MemoryStore()
    source.write_bytes(text.encode())

    with set_block_size(block, chunk):
        document = JobA(folder).execute(source).unwrap()
        batch = JobB(store).execute(document).unwrap()
        document.write_text(json.dumps(json.loads(document.read_bytes())), encoding="ascii")
        again = JobB(store).execute(document)

    assert split_lines(text.removeprefix("\ufeff")) == store.batches[batch]
    assert batch == again.output  # the same identity: the same source and hash
    assert "resumed" in again.counts


@given(
    st.one_of(
        st.binary(), st.lists(st.sampled_from([b"\xff", b"\0", b"\n", b"a", b"\xe2\x82"])).map(b"".join)
    )
)
def test_any_bytes_are_refused_or_pass_through_unchanged(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    source, store = folder / "x.txt", MemoryStore()
    source.write_bytes(data)

    result = JobA(folder).execute(source)

    if result.success:
        batch = JobB(store).execute(result.output).unwrap()
        assert split_lines(data.decode("utf-8-sig")) == store.batches[batch]
    else:
        assert result.code in ("input.undecodable", "input.nul")
        assert [source] == list(folder.iterdir())


def test_source_is_the_original_file_wherever_the_document_is(source, store, tmp_path):
    """A document that was moved is still the same batch."""
    document = JobA(tmp_path / "out").execute(source).unwrap()
    first = JobB(store).execute(document)
    document = document.rename(tmp_path / "moved.json")

    second = JobB(store).execute(document)

    assert (first.output, {"records": 2, "resumed": 2}) == (second.output, second.counts)


def test_document_without_a_source_is_its_own_source(store, tmp_path):
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    for path in (one, other):
        path.write_text('["a"]')

    assert [1, 2, 1] == [JobB(store).execute(path).output for path in (one, other, one)]
    assert 3 == JobB(store).execute(["a"]).output


@pytest.mark.parametrize(
    "data",
    [
        ("a", {"content": "b"}),
        {"records": ("a", {"content": "b"})},
        {"record_count": 2, "records": ("a", "b")},
        ["a", "b"],
    ],
)
def test_tuples_are_loaded_like_lists(store, data):
    assert 1 == JobB(store).execute(data).unwrap()
    assert [Record(1, "a"), Record(2, "b")] == store.batches[1]


def test_more_records_than_a_chunk_are_loaded_from_a_tuple(store, set_block_size):
    with set_block_size(100, 2):
        result = JobB(store).execute(tuple("abcde"))

    assert {"records": 5} == result.counts
    assert [Record(n, text) for n, text in enumerate("abcde", 1)] == store.batches[1]


@pytest.mark.parametrize("data", [(("a",),), [("a",)], {"records": (["a"],)}])
def test_tuple_is_not_a_record(store, data):
    result = JobB(store).execute(data)

    assert "input.shape" == result.code
    assert result.error.startswith('memory, record 1: expected a string or an object with "content", got a ')


@pytest.mark.parametrize(
    ("on_duplicate", "output", "counts"),
    [
        (OnDuplicate.SKIP, 1, {"records": 2, "duplicate": 2}),
        ("skip", 1, {"records": 2, "duplicate": 2}),
        ("load", 2, {"records": 2}),
        ("error", None, {}),
    ],
)
def test_records_of_a_finalized_batch_are_a_duplicate(store, on_duplicate, output, counts):
    JobC(store).execute(JobB(store).execute(["a", "b"]).output).unwrap()

    result = JobB(store, on_duplicate).execute(["a", "b"])

    assert (output, counts) == (result.output, result.counts)
    assert (None if output else "batch.duplicate") == result.code


def test_empty_batch_can_be_a_duplicate(store):
    """The key `duplicate` says so, even with a count of 0."""
    JobC(store).execute(JobB(store).execute([]).output).unwrap()

    assert {"records": 0, "duplicate": 0} == JobB(store).execute([]).counts


def test_unknown_on_duplicate_is_refused():
    with pytest.raises(ValueError, match="'replace' is not a valid OnDuplicate"):
        JobB(MemoryStore(), "replace")


def test_file_that_changes_while_loaded_makes_no_batch(tmp_path):
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


def test_path_can_be_given_as_text(source, store, tmp_path):
    document = JobA(tmp_path).execute(source).unwrap()

    assert 1 == JobB(store).execute(str(document)).output


SHAPE = 'expected a list of records, or an object with "records"'


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
    (["\0"], "input.nul", "NUL characters are not allowed"),
    (["\ud800"], "input.surrogate", "lone surrogates are not allowed"),
    ([{"\ud800": 1}], "input.shape", 'expected a string as "content", got nothing'),
    ([{"content": "a", "\ud800": 1}], "input.shape", r"unknown key '\ud800'"),
    ({"records": [], "more": 1}, "input.shape", "'more': unknown key;"),
    (
        {"records": [], "version": 2},
        "input.shape",
        "'version': newer than the latest known version, which is 1",
    ),
    (
        {"records": ["a"], "record_count": 2},
        "input.count",
        "holds 1 records, but record_count is 2; without",
    ),
    (
        {"records": ["a"], "records_sha256": 64 * "0"},
        "input.hash",
        "the records do not match records_sha256;",
    ),
]
# In a file the JSON parser refuses these, in memory the parser of records: the codes differ.
ODD = [
    ([float("nan")], "input.number", "input.shape"),
    ([float("inf")], "input.number", "input.shape"),
    ([10**400], "input.number", "input.shape"),
    ({"records": [], "more": float("nan")}, "input.number", "input.shape"),
    ({"records": [{"content": "a", "line_number": 10**400}]}, "input.number", "input.shape"),
]


@pytest.mark.parametrize(("data", "code", "message"), BAD, ids=[json.dumps(data) for data, *_ in BAD])
def test_invalid_data_is_refused_alike_in_a_file_and_in_memory(tmp_path, store, data, code, message):
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
def test_out_of_range_numbers_are_refused_in_a_file_and_in_memory(tmp_path, store, data, in_file, in_memory):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data))

    assert in_file == JobB(store).execute(path).code
    assert in_memory == JobB(store).execute(data).code
    assert {} == store.batches


def test_deep_nesting_is_refused_in_a_file_and_in_memory(tmp_path, store):
    data = []
    for _ in range(100_000):
        data = [data]
    path = tmp_path / "x.json"
    path.write_text(100_001 * "[" + 100_001 * "]")

    assert "input.nesting" == JobB(store).execute(path).code
    assert "input.shape" == JobB(store).execute(data).code
    assert {} == store.batches


@pytest.mark.parametrize("value", [None, 7, 1.5, {"a"}, "", "no such file", "/dev", b"x.json"])
def test_value_that_is_neither_data_nor_a_file_is_refused(store, value):
    assert JobB(store).execute(value).code.startswith("input.")


def test_repeated_line_number_is_refused_before_the_store_gets_it(set_block_size, store):
    """A database would only say that a constraint failed."""

    class EagerStore:
        def load(self, source, chunks, on_duplicate):
            return store.load(source, [next(iter(chunks))], on_duplicate)

    with set_block_size(100, 2):
        result = JobB(EagerStore()).execute(["a", "b", "c", {"content": "d", "line_number": 1}])

    assert ("input.repeated_line", "memory: line number 1 is given twice") == (result.code, result.error)
    assert {} == store.batches


def test_the_id_of_a_store_of_ones_own_is_a_batch_id():
    """It may be a plain number; a report calls the output a batch by its type."""

    class Plain(MemoryStore):
        def load(self, source, chunks, on_duplicate):
            return Loaded(int(super().load(source, chunks, on_duplicate).batch_id), 1)

        def finalize(self, batch_id):
            return Finalized(int(super().finalize(batch_id).batch_id), 1)

    store = Plain()
    loaded = JobB(store).execute(["one"]).unwrap()
    finalized = JobC(store).execute(loaded).unwrap()

    assert [(BatchId, 1)] * 2 == [(type(each), each) for each in (loaded, finalized)]
