"""Documents written and read by jobs of one's own are those of job A, and job B takes them."""

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from pipeline_jobs import (
    BaseJob,
    InputError,
    JobA,
    JobB,
    Record,
    Source,
    Url,
    open_binary,
    open_document,
    open_text,
    write_document,
)
from pipeline_jobs.storage.input import hand_on_documents, use_stand_in
from pipeline_jobs.storage.location import STDIN
from pipeline_jobs.testing import MemoryStore

API = Source("https://example.org/orders?page=1", "orders/1")


class Customers(BaseJob[Path, Path]):
    """The customers of a CSV file as records, numbered by their lines."""

    def __init__(self, folder):
        self.folder = folder

    def validate_input(self, value):
        return value

    def single_job(self, value):
        with open_text(value, newline="") as text:
            rows = csv.DictReader(text)
            records = ({"line_number": rows.line_num, "content": row["customer"]} for row in rows)
            return write_document(self.folder, text, records, progress=self.progress)


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b'id,customer\n1,"An\n na"\n2,Bo\n'))
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_rows_of_a_file_become_a_document(orders, out):
    """It has the size and the hash of the file, as the document of job A has them, and its name."""
    told = []
    job = Customers(out)
    job.progress = lambda *numbers: told.append(numbers)

    document = job.execute(orders).unwrap()

    written = json.loads(document.read_bytes())
    by_job_a = json.loads(JobA(out.with_name("other")).execute(orders).unwrap().read_bytes())
    assert out / "orders_processed.json" == document
    assert by_job_a["source"] == written["source"]
    records = [{"line_number": 3, "content": "An\n na"}, {"line_number": 4, "content": "Bo"}]
    assert (records, 2) == (written["records"], written["record_count"])
    assert [(orders.stat().st_size, orders.stat().st_size, 2)] == told

    store = MemoryStore()
    assert JobB(store).execute(document).success
    assert [Record(3, "An\n na"), Record(4, "Bo")] == store.batches[1]


def test_a_document_is_what_job_a_would_write(tmp_path, out):
    """To the byte, for the lines of a text file."""
    path = tmp_path / "x.txt"
    path.write_text("one\n\nthree\n")

    with open_text(path) as text:
        lines = ((number, line.rstrip("\n")) for number, line in enumerate(text, 1))
        document = write_document(out, text, (Record(number, line) for number, line in lines if line))

    assert JobA(tmp_path / "other").execute(path).unwrap().read_bytes() == document.read_bytes()


def test_a_source_may_be_no_file(out):
    document = write_document(out, API, ["one", {"content": "two", "line_number": 7}])

    assert out / "orders_1_processed.json" == document
    with open_document(document) as records:
        assert API == records.source
        assert [Record(1, "one"), Record(7, "two")] == list(records)
    assert {"uri": API.uri, "name": API.name} == json.loads(document.read_bytes())["source"]


def test_documents_are_made_of_documents(orders, out):
    """They keep the source of the first one; the suffix keeps them apart."""
    first = Customers(out).execute(orders).unwrap()

    with open_document(first) as records:
        upper = (Record(record.line_number, record.content.upper()) for record in records)
        second = write_document(out, records, upper, suffix="_upper.json")

    assert "orders_upper.json" == second.name
    with open_document(second) as records:
        assert orders.as_uri() == records.source.uri
        assert ["AN\n NA", "BO"] == [record.content for record in records]
        assert second.stat().st_size == records.size


def test_a_name_belongs_to_a_source(tmp_path, out):
    names = []
    for folder in ("a", "b"):
        path = tmp_path / folder / "x.bin"
        path.parent.mkdir()
        path.write_bytes(b"one")
        with open_binary(path) as file:
            names.append(write_document(out, file, [file.read().decode()]).name)

    assert "x_processed.json" == names[0]
    assert 1 == Counter(names)[names[1]]
    assert names[1].startswith("x_")


def test_documents_of_a_store(bucket):
    document = write_document("memory://out", API, ["one"])

    assert Url("memory://out/orders_1_processed.json") == document
    with open_document(str(document)) as records:
        assert ["one"] == [record.content for record in records]


def test_many_records_are_written_in_batches(out):
    """Batches end by number and by size; every border between them is right."""
    texts = [str(number) for number in range(25_000)] + [100_000 * "x"] * 25

    document = write_document(out, API, iter(texts))

    with open_document(document) as records:
        assert texts == [record.content for record in records]


@pytest.mark.parametrize(
    ("records", "code", "message"),
    [
        (["one", 2], "input.shape", "orders/1, record 2: expected a string"),
        (["a\0b"], "input.nul", "orders/1, record 1: NUL"),
        (["\ud800"], "input.surrogate", "orders/1, record 1: lone surrogates"),
        ([Record(0, "one")], "input.shape", "orders/1, record 1: a line number"),
        (
            [Record(3, "one"), Record(3, "two")],
            "input.repeated_line",
            "orders/1: line number 3 is given twice",
        ),
        (["12345678901"], "input.record_size", "orders/1, record 1: a record of more than 10 bytes"),
    ],
)
def test_refused_records_leave_nothing(out, records, code, message):
    with pytest.raises(InputError, match=message) as caught:
        write_document(out, API, iter(records), max_record_bytes=10)

    assert code == caught.value.code
    assert not out.exists() or [] == list(out.iterdir())


def test_an_exception_of_the_records_leaves_nothing(out):
    def fail():
        yield "one"
        raise ConnectionError("page 2")

    with pytest.raises(ConnectionError, match="page 2"):
        write_document(out, API, fail())

    assert not out.exists()


def test_a_file_that_changes_meanwhile_has_no_document(tmp_path, out):
    path = tmp_path / "x.txt"
    path.write_text("one\n")

    def change(text):
        yield text.readline()
        path.write_text("one\ntwo\n")

    with pytest.raises(InputError) as caught, open_text(path) as text:
        write_document(out, text, change(text))

    assert "input.changed" == caught.value.code
    assert [] == list(out.iterdir())


@pytest.mark.parametrize(
    ("source", "suffix", "message"),
    [
        (Source("orders", "orders"), ".json", "expected a URI"),
        (Source("https://example.org/a b", "orders"), ".json", "expected a URI"),
        (Source("memory:", ""), ".json", "and a name"),
        (Source("memory:", "\ud800"), ".json", "and a name"),
        (API, "", "expected the end of a file name"),
        (API, "/x.json", "expected the end of a file name"),
        (API, 240 * "x", "expected the end of a file name"),
    ],
)
def test_misuse_is_a_value_error(out, source, suffix, message):
    with pytest.raises(ValueError, match=message):
        write_document(out, source, ["one"], suffix=suffix)

    assert not out.exists()


def test_a_damaged_document_is_refused_at_its_end(out):
    document = write_document(out, API, ["one", "two"])
    document.write_bytes(document.read_bytes().replace(b"two", b"TWO"))

    with pytest.raises(InputError) as caught, open_document(document) as records:
        list(records)

    assert "input.hash" == caught.value.code


@pytest.mark.parametrize(
    "content", ['{"content":"a"}\n{"content":"b"}\n', '"a"\n"b"\n', '["a"]\n["b"]\n', '{"records":["a"]}\n{}']
)
def test_json_lines_are_called_so(tmp_path, content):
    path = tmp_path / "x.jsonl"
    path.write_text(content)

    result = JobB(MemoryStore()).execute(path)

    hint = (
        'more than one JSON value, as in JSON Lines; expected a list of records, or an object with "records"'
    )
    assert f"{path}: {hint}" == result.error


def test_a_document_made_of_a_temporary_file_names_what_that_stands_for(tmp_path):
    """Standard input, for instance; a job of one's own need not know of it."""
    path = tmp_path / "stdin"
    for content in ("one\n", "two\n"):
        path.write_text(content)
        with use_stand_in(path, STDIN), open_text(path) as text:
            document = write_document(tmp_path / "out", text, (line.rstrip() for line in text))
        with open_document(document) as records:
            assert ("stdin:", "stdin") == (records.source.uri, records.source.name)

    assert 2 == len(list((tmp_path / "out").iterdir()))  # another run may not have loaded the first yet
    with open_binary(path) as file:
        assert path.as_uri() == file.source.uri


def test_a_compressed_document_is_called_so(tmp_path):
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(b'["one"]'))

    result = JobB(MemoryStore()).execute(path)

    hint = "it is compressed by gzip, and a document is plain JSON in UTF-8"
    assert f"{path}, byte 1, line 1: not utf-8; {hint}" == result.error


@pytest.mark.parametrize("records", ["abc", b"abc", {"content": "one"}])
def test_one_record_is_no_iterable_of_records(out, records):
    with pytest.raises(TypeError, match="expected an iterable of records, got one"):
        write_document(out, API, records)


def test_a_document_that_changes_meanwhile_makes_no_other(tmp_path, out):
    path = tmp_path / "x.json"
    path.write_text('["one", "two"]')

    def change(records):
        yield next(records)
        path.write_text('["one", "two", "three"]')

    with pytest.raises(InputError) as caught, open_document(path) as records:
        write_document(out, records, change(records))

    assert "input.changed" == caught.value.code
    assert [] == list(out.iterdir())


def write_other(document, out, name="other", content="other"):
    """Put a document of another source, or with other records, in the place of a document."""
    source = API if name == "other" else Source(document["source"]["uri"], document["source"]["name"])
    other = write_document(out / "beside", source, [content])
    return other.read_bytes()


def rewrite(change):
    """Return what rewrites a document as JSON."""

    def replace(document, _out):
        changed = json.loads(json.dumps(document))
        change(changed)
        return json.dumps(changed).encode()

    return replace


def change_one_record(document, out):
    """Replace a record by one of the same size, and leave count and hash as they are."""
    return (out / "x_processed.json").read_bytes().replace(b'"one"', b'"eno"')


REPLACEMENTS = {
    "another source": write_other,
    "other records": lambda document, out: write_other(document, out, name="same"),
    "one record": change_one_record,
    "by hand": lambda *_: b'["one", "two"]',
    "another source, in another layout": rewrite(lambda each: each["source"].update(uri="https://other/")),
    "another name, in another layout": rewrite(lambda each: each["source"].update(name="other")),
    "other records, in another layout": rewrite(
        lambda each: each.update(records=["one"], record_count=None, records_sha256=None)
    ),
    "no JSON": lambda *_: b"{",
    "empty": lambda *_: b"",
}


def open_all(document):
    with open_document(document) as records:
        return [record.content for record in records]


def load(document):
    return JobB(MemoryStore()).execute(document).unwrap()


@pytest.mark.parametrize("read", [load, open_all])
@pytest.mark.parametrize("replacement", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_a_document_replaced_within_a_run_is_refused(tmp_path, out, replacement, read):
    """Whoever can write to the folder can do that; after the run, it is another document like any other."""
    (tmp_path / "x.txt").write_text("one\ntwo\n")
    with hand_on_documents():
        document = JobA(out).execute(tmp_path / "x.txt").unwrap()
        document.write_bytes(replacement(json.loads(document.read_bytes()), out))

        with pytest.raises(InputError) as caught:
            read(document)

    assert caught.value.code in ("input.changed", "input.hash", "input.json")


@pytest.mark.parametrize("read", [load, open_all])
def test_the_document_of_a_run_is_read_in_any_layout_and_under_any_inode(tmp_path, out, read):
    """Its content counts: a run beside this one may have written the same again."""
    (tmp_path / "x.txt").write_text("one\ntwo\n")
    with hand_on_documents():
        document = JobA(out).execute(tmp_path / "x.txt").unwrap()
        before = read(document)
        document.write_text(json.dumps(json.loads(document.read_bytes()), indent=1))

        assert before == read(document)


@pytest.mark.parametrize("source", [API, Source("https://example.org/x", "x", size=3)])
def test_a_document_of_a_job_of_ones_own_is_handed_on_too(out, source):
    with hand_on_documents():
        document = write_document(out, source, ["one"])
        assert ["one"] == open_all(document)
        document.write_bytes(document.read_bytes().replace(b"example", b"evil.ex"))

        with pytest.raises(InputError) as caught:
            open_all(document)

    text = "is not the document that this run has written there; look who else can write to its folder"
    assert f"{document}: {text}, and run the same command again" == str(caught.value)
    assert ["one"] == open_all(document)


def test_a_document_may_be_replaced_between_two_runs(out):
    with hand_on_documents():
        document = write_document(out, API, ["one"])
    document.write_text('["two"]')

    with hand_on_documents():
        assert ["two"] == open_all(document)


def test_a_head_longer_than_usual_is_handed_on(out):
    """Such a document is read as one in another layout."""
    source = Source(f"https://example.org/{'x' * 70_000}", "x")
    with hand_on_documents():
        document = write_document(out, source, ["one"])
        assert ["one"] == open_all(document)
        document.write_bytes(document.read_bytes().replace(b'"one"', b'"two"'))

        with pytest.raises(InputError) as caught:
            open_all(document)

    assert "input.hash" == caught.value.code
