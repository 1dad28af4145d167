"""The jobs with a real database: a file becomes a document, then a batch, then a finalized batch."""

import json

import pytest

from pipeline_jobs import JobA, JobB, JobC, Record
from pipeline_jobs.testing import MemoryStore


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in" / "x.txt"
    path.parent.mkdir()
    path.write_bytes("größe\r\n\r\nthird\u2028line\n".encode())
    return path


@pytest.fixture
def document(source, tmp_path):
    return JobA(tmp_path / "out").execute(source).unwrap()


def test_a_file_goes_through_the_three_jobs(document, store, ask):
    loaded = JobB(store).execute(document)
    finalized = JobC(store).execute(loaded.unwrap())

    assert (1, {"records": 2}) == (loaded.output, loaded.counts)
    assert (1, {"records": 2}) == (finalized.output, finalized.counts)
    assert [(1, "größe"), (3, "third\u2028line")] == ask(
        store, "SELECT line_number, content FROM finalized_records"
    )


def test_running_again_resumes_or_skips(source, store, tmp_path):
    """Whatever was done before: to resume, run the same command again."""
    outcomes = []
    for step in (JobB(store), JobB(store), JobC(store), JobB(store)):
        value = 1 if isinstance(step, JobC) else JobA(tmp_path / "out").execute(source).unwrap()
        result = step.execute(value)
        outcomes.append((result.output, sorted(result.counts)))

    assert [
        (1, ["records"]),
        (1, ["records", "resumed"]),
        (1, ["records"]),
        (1, ["duplicate", "records"]),
    ] == outcomes


@pytest.mark.parametrize("layout", [{"indent": 2}, {"ensure_ascii": True}, {"sort_keys": True}])
def test_a_document_in_another_layout_and_folder_is_the_same_batch(document, store, tmp_path, layout):
    copy = tmp_path / "sent.json"
    copy.write_text(json.dumps(json.loads(document.read_bytes()), **layout), encoding="utf-8")

    first, second = (JobB(store).execute(path) for path in (document, copy))

    assert [1, 1] == [first.output, second.output]
    assert "resumed" in second.counts


def test_a_document_in_memory_is_the_same_batch(document, store):
    in_memory = json.loads(document.read_bytes())

    assert [1, 1] == [JobB(store).execute(value).unwrap() for value in (document, in_memory)]


def test_equal_files_in_two_folders_are_two_batches(source, store, tmp_path):
    other = tmp_path / source.name
    other.write_bytes(source.read_bytes())
    documents = [JobA(tmp_path / "out").execute(path).unwrap() for path in (source, other)]

    assert [1, 2] == [JobB(store).execute(document).unwrap() for document in documents]


def test_a_changed_file_is_another_batch(source, document, store, tmp_path):
    first = JobB(store).execute(document).unwrap()
    source.write_text("changed\n")
    again = JobA(tmp_path / "out").execute(source).unwrap()

    assert (document, 2) == (again, JobB(store).execute(again).unwrap())
    assert first == 1


def test_a_document_with_a_wrong_hash_leaves_nothing(document, store, read_everything):
    """It is one chunk, so it is read to its end before a database is created."""
    document.write_bytes(document.read_bytes().replace(b"third", b"other"))

    before = read_everything(store)
    result = JobB(store).execute(document)

    assert "input.hash" == result.code
    assert before == read_everything(store)


@pytest.mark.parametrize("value", [[], ["a"], {"records": [{"content": "b", "line_number": 2**63 - 1}]}])
def test_a_handwritten_document_is_stored_as_in_memory(store, ask, value):
    memory = MemoryStore()
    expected = JobB(memory).execute(value)

    result = JobB(store).execute(value)

    assert (expected.output, expected.counts) == (result.output, result.counts)
    rows = ask(store, "SELECT line_number, content FROM processed_records")
    assert memory.batches[1] == [Record(*row) for row in rows]


@pytest.mark.parametrize(("batch_id", "code"), [(1, "batch.not_found"), (2**63 - 1, "batch.not_found")])
def test_an_unknown_batch_is_a_failed_result(store, batch_id, code):
    assert code == JobC(store).execute(batch_id).code
