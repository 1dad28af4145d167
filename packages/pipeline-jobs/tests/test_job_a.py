"""Job A: a file becomes a document, and what is refused leaves nothing behind."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline_jobs import BaseJob, InputError, JobA
from pipeline_jobs.input_file import InputFile
from pipeline_jobs.testing import JobContract


class TestJobA(JobContract):
    """The contract of every job."""

    bad = "no such file"

    @pytest.fixture(autouse=True)
    def _given(self, source: Path, out: Path) -> None:
        self.good, self.out = source, out

    def build(self) -> BaseJob[Path, Path]:
        return JobA(self.out)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in" / "sample.txt"
    path.parent.mkdir()
    path.write_bytes(b"first\r\n\n  third\n")
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def run(source, out):
    return JobA(out).execute(source).unwrap()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_becomes_a_document(source, out):
    result = JobA(out).execute(str(source))

    known = json.loads(result.output.read_bytes())
    origin = {
        "uri": source.as_uri(),
        "name": "sample.txt",
        "bytes": 16,
        "sha256": sha256(source.read_bytes()).hexdigest(),
    }

    assert out / "sample_processed.json" == result.output
    assert {"lines": 3, "records": 2, "blank": 1} == result.counts
    assert ("pipeline-records", 1, origin) == (known["format"], known["version"], known["source"])
    assert [{"line_number": 1, "content": "first"}, {"line_number": 3, "content": "  third"}] == known[
        "records"
    ]


def test_an_empty_file_is_a_document_of_no_records(source, out):
    source.write_bytes(b"")

    result = JobA(out).execute(source)

    assert {"lines": 0, "records": 0, "blank": 0} == result.counts
    assert [] == json.loads(result.output.read_bytes())["records"]


def test_the_encoding_can_be_named(source, out):
    source.write_bytes("größe\n".encode("latin-1"))

    path = JobA(out, encoding="latin-1").execute(source).unwrap()

    assert "größe" == json.loads(path.read_bytes())["records"][0]["content"]


def test_an_unknown_encoding_is_refused_before_anything_runs(out):
    with pytest.raises(InputError, match="unknown text encoding 'nope'"):
        JobA(out, encoding="nope")


def test_the_output_folder_may_be_relative(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = JobA("out")
    monkeypatch.chdir("/")

    assert tmp_path / "out" / "sample_processed.json" == job.execute(source).output


def test_input_that_is_refused_at_once_leaves_no_trace(source, out):
    source.write_bytes(b"good\n\xff\n")

    result = JobA(out).execute(source)

    assert "input.undecodable" == result.code
    assert f"{source}, byte 5, line 2: not utf-8; if it is in another encoding, name that one" == result.error
    assert not out.exists()


def test_input_that_is_refused_late_leaves_what_was_there(source, out, pieces_of):
    path = run(source, out)
    before = path.read_bytes()
    source.write_bytes(100 * b"good\n" + b"\0")

    with pieces_of(16):
        result = JobA(out).execute(source)

    assert ("input.nul", f"{source}, line 101: a NUL character is no text") == (result.code, result.error)
    assert (before, [path.name]) == (path.read_bytes(), names(out))


def test_a_file_that_changes_while_it_is_read_is_refused(source, out, pieces_of, monkeypatch):
    def touched(file, size, read=InputFile.read):
        os.utime(source, ns=(1, 1))
        return read(file, size)

    monkeypatch.setattr(InputFile, "read", touched)

    with pieces_of(4):
        result = JobA(out).execute(source)

    assert "input.changed" == result.code
    assert f"{source}: was changed while it was read; try again" == result.error
    assert [] == names(out)


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path, out):
    os.mkfifo(tmp_path / "fifo")

    result = JobA(out).execute(tmp_path / "fifo")

    assert "input.not_a_file" == result.code
    assert not out.exists()


def test_an_output_folder_that_is_a_file_is_refused(source, out):
    out.write_text("a file")

    result = JobA(out).execute(source)

    assert "output.not_a_folder" == result.code
    assert f"{out / 'sample_processed.json'}: cannot be written: {out} is no folder" == result.error
    assert "a file" == out.read_text()
