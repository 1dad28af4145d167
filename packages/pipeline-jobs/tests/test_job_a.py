"""Job A: whose name an output bears, and that it is there whole or not at all."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from pipeline_jobs import BaseJob, InputError, JobA
from pipeline_jobs.input_file import InputFile
from pipeline_jobs.testing import JobContract

RUN = "import sys; from pipeline_jobs import JobA; JobA(sys.argv[2]).execute(sys.argv[1]).unwrap()"


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


def uri_in(path):
    return json.loads(path.read_bytes())["source"]["uri"]


def twin(source):
    path = source.parent.parent / "other" / source.name
    path.parent.mkdir()
    path.write_bytes(source.read_bytes())
    return path


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
    assert [{"line_number": 1, "content": "first"}, {"line_number": 3, "content": "  third"}] == known["records"]


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


def test_the_same_source_replaces_its_output(source, out):
    first = run(source, out)
    source.write_text("changed")
    second = run(source, out)

    assert first == second
    assert ["sample_processed.json"] == names(out)
    assert "changed" == json.loads(second.read_bytes())["records"][0]["content"]


def test_two_sources_of_one_stem_keep_both_outputs(source, out):
    other = twin(source)

    first, second = run(source, out), run(other, out)

    assert (source.as_uri(), other.as_uri()) == (uri_in(first), uri_in(second))
    assert (second, first) == (run(other, out), run(source, out))
    assert sorted([first.name, second.name]) == names(out)
    assert "sample_processed.json" == first.name
    assert f"sample_{sha256(other.as_uri().encode()).hexdigest()[:8]}_processed.json" == second.name


@pytest.mark.parametrize("content", [b"", b"not ours", b'{"records": []}', b'["a"]', 100 * b"\xff"])
def test_a_foreign_file_is_kept(source, out, content):
    out.mkdir()
    (out / "sample_processed.json").write_bytes(content)

    path = run(source, out)

    assert "sample_processed.json" != path.name
    assert content == (out / "sample_processed.json").read_bytes()
    assert path == run(source, out)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_file_is_kept_too(source, out, make):
    out.mkdir()
    make(out / "sample_processed.json")

    path = run(source, out)

    assert sorted(["sample_processed.json", path.name]) == names(out)
    assert source.as_uri() == uri_in(path)


def test_a_document_of_ours_is_known_in_any_layout(source, out):
    path = run(source, out)
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=2), encoding="utf-8")

    assert path == run(source, out)
    assert [path.name] == names(out)


def test_when_both_names_are_taken_nothing_is_written(source, out):
    out.mkdir()
    marked = f"sample_{sha256(source.as_uri().encode()).hexdigest()[:8]}_processed.json"
    for name in ("sample_processed.json", marked):
        (out / name).write_text("not ours")

    result = JobA(out).execute(source)

    assert "output.taken" == result.code
    assert ["not ours", "not ours"] == [path.read_text() for path in out.iterdir()]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (b"no_suffix", b"no_suffix"),
        (b"a.tar.gz", b"a.tar"),
        (b".hidden", b".hidden"),
        (b"with space.txt", b"with space"),
        (b"quo'te\".txt", b"quo'te\""),
        (b"new\nline.txt", b"new\nline"),
        (b"\x1b[31mred.txt", b"\x1b[31mred"),
        (b"caf\xe9.txt", b"caf\xe9"),
        (b"[a]*?%20#.txt", b"[a]*?%20#"),
    ],
)
def test_any_file_name_works(tmp_path, out, name, stem):
    source = tmp_path / os.fsdecode(name)
    source.write_text("x")

    path = run(source, out)

    assert stem + b"_processed.json" == os.fsencode(path.name)
    assert os.fsencode(source) == unquote_to_bytes(uri_in(path).removeprefix("file://"))
    assert path == run(source, out)
    assert [path.name] == names(out)


@pytest.mark.parametrize("name", [255 * "x", 251 * "x" + ".txt", 125 * "é" + ".txt"])
def test_the_longest_names_work(tmp_path, out, name):
    source = tmp_path / name
    source.write_text("x")

    assert run(source, out) == run(source, out)
    assert 1 == len(names(out))


def test_a_link_is_the_file_it_leads_to(source, out, tmp_path):
    """The identity is resolved, so the same text is not loaded twice by two names."""
    link = tmp_path / "link.txt"
    link.symlink_to(source)

    path = run(link, out)

    assert "link_processed.json" == path.name
    assert source.as_uri() == uri_in(path)


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
    def touched(file, blocks=InputFile.blocks):
        for block in blocks(file):
            os.utime(source, ns=(1, 1))
            yield block

    monkeypatch.setattr(InputFile, "blocks", touched)

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


def test_threads_on_one_source_leave_one_whole_document(source, out):
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: run(source, out), range(40)))

    assert {out / "sample_processed.json"} == paths
    assert ["sample_processed.json"] == names(out)
    assert 2 == json.loads(paths.pop().read_bytes())["record_count"]


def test_processes_on_two_sources_of_one_stem_keep_both(source, out):
    sources = [source, twin(source)]

    running = [subprocess.Popen([sys.executable, "-c", RUN, each, out]) for each in 3 * sources]

    assert [0, 0, 0, 0, 0, 0] == [process.wait() for process in running]
    assert {each.as_uri() for each in sources} == {uri_in(path) for path in out.iterdir()}
    assert 2 == len(names(out))
