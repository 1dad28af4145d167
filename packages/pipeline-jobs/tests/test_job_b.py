"""Job B: a document, in a file or in memory, becomes one batch."""

import io
import json
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import BaseJob, JobA, JobB, JobC, OnDuplicate, Record
from pipeline_jobs.testing import JobContract, MemoryStore


class TestJobB(JobContract):
    """The contract of every job."""

    good: ClassVar = {"records": ["a", {"content": "b", "line_number": 7}]}
    bad: ClassVar = {"records": None}

    def build(self) -> BaseJob[object, object]:
        return JobB(MemoryStore())


PIECES = ["\ufeff", "\r", "\n", "a", "é🎉", " ", "\x85", "\u2028", "\v\f\x1c", '"\\']


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
    text=st.lists(st.sampled_from(PIECES)).map("".join) | st.text().filter(lambda text: "\0" not in text),
    block=st.integers(3, 30),
    chunk=st.integers(1, 5),
)
def test_any_text_goes_through_unchanged(pieces_of, tmp_path_factory, text, block, chunk):
    folder = tmp_path_factory.mktemp("any")
    source, store = folder / "x.txt", MemoryStore()
    source.write_bytes(text.encode())

    with pieces_of(block, chunk):
        document = JobA(folder).execute(source).unwrap()
        batch = JobB(store).execute(document).unwrap()
        document.write_text(json.dumps(json.loads(document.read_bytes())), encoding="ascii")
        again = JobB(store).execute(document)

    assert lines_of(text.removeprefix("\ufeff")) == store.batches[batch]
    assert batch == again.output  # the same identity: the same source and hash
    assert "resumed" in again.counts


@given(
    st.one_of(
        st.binary(), st.lists(st.sampled_from([b"\xff", b"\0", b"\n", b"a", b"\xe2\x82"])).map(b"".join)
    )
)
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

    assert (first.output, {"records": 2, "resumed": 2}) == (second.output, second.counts)


def test_a_document_without_a_source_is_its_own(store, tmp_path):
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    for path in (one, other):
        path.write_text('["a"]')

    assert [1, 2, 1] == [JobB(store).execute(path).output for path in (one, other, one)]
    assert 3 == JobB(store).execute(["a"]).output


@pytest.mark.parametrize(
    ("on_duplicate", "output", "counts"),
    [
        (OnDuplicate.SKIP, 1, {"records": 2, "duplicate": 2}),
        ("skip", 1, {"records": 2, "duplicate": 2}),
        ("load", 2, {"records": 2}),
        ("error", None, {}),
    ],
)
def test_a_finalized_batch_is_a_duplicate(store, on_duplicate, output, counts):
    JobC(store).execute(JobB(store).execute(["a", "b"]).output).unwrap()

    result = JobB(store, on_duplicate).execute(["a", "b"])

    assert (output, counts) == (result.output, result.counts)
    assert (None if output else "batch.duplicate") == result.code


def test_a_batch_of_no_records_is_a_duplicate_too(store):
    """It is told by the name that is counted, not by how many there are."""
    JobC(store).execute(JobB(store).execute([]).output).unwrap()

    assert {"records": 0, "duplicate": 0} == JobB(store).execute([]).counts


def test_an_unknown_way_with_duplicates_is_refused():
    with pytest.raises(ValueError, match="'replace' is not a valid OnDuplicate"):
        JobB(MemoryStore(), "replace")


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
    document = JobA(tmp_path).execute(source).unwrap()

    assert 1 == JobB(store).execute(str(document)).output
