"""Job A: a file becomes a document under a name that belongs to its source; a refused file leaves nothing."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from pipeline_jobs import BaseJob, InputError, JobA, Source
from pipeline_jobs.document_files import list_output_names
from pipeline_jobs.storage.atomic_writer import open_draft
from pipeline_jobs.storage.input import LocalInput, use_stand_in
from pipeline_jobs.storage.location import STDIN
from pipeline_jobs.testing import JobContract


class TestJobA(JobContract):
    """The contract of every job."""

    bad = "no such file"

    @pytest.fixture(autouse=True)
    def _set_up(self, source: Path, out: Path) -> None:
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


def list_names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_becomes_a_document(source, out):
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


def test_empty_file_becomes_a_document_without_records(source, out):
    source.write_bytes(b"")

    result = JobA(out).execute(source)

    assert {"lines": 0, "records": 0, "blank": 0} == result.counts
    assert [] == json.loads(result.output.read_bytes())["records"]


def test_encoding_can_be_set(source, out):
    source.write_bytes("größe\n".encode("latin-1"))

    path = JobA(out, encoding="latin-1").execute(source).unwrap()

    assert "größe" == json.loads(path.read_bytes())["records"][0]["content"]


def test_unknown_encoding_is_refused_by_the_constructor(out):
    with pytest.raises(InputError, match="unknown text encoding 'nope'"):
        JobA(out, encoding="nope")


def test_relative_output_folder_is_resolved_at_construction(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = JobA("out")
    monkeypatch.chdir("/")

    assert tmp_path / "out" / "sample_processed.json" == job.execute(source).output


def test_input_refused_in_its_first_block_makes_no_folder(source, out):
    source.write_bytes(b"good\n\xff\n")

    result = JobA(out).execute(source)

    assert "input.undecodable" == result.code
    assert (
        f"{source}, byte 5, line 2: not utf-8; if the file has another encoding, set it with --encoding"
        == result.error
    )
    assert not out.exists()


def test_input_refused_later_leaves_the_old_document(source, out, set_block_size):
    path = run(source, out)
    before = path.read_bytes()
    source.write_bytes(100 * b"good\n" + b"\0")

    with set_block_size(16):
        result = JobA(out).execute(source)

    assert ("input.nul", f"{source}, line 101: NUL characters are not allowed") == (result.code, result.error)
    assert (before, [path.name]) == (path.read_bytes(), list_names(out))


def test_file_that_changes_while_read_is_refused(source, out, set_block_size, monkeypatch):
    def touch_and_read(file, size, read=LocalInput.read):
        os.utime(source, ns=(1, 1))
        return read(file, size)

    monkeypatch.setattr(LocalInput, "read", touch_and_read)

    with set_block_size(4):
        result = JobA(out).execute(source)

    assert "input.changed" == result.code
    assert f"{source}: was changed while it was read; try again" == result.error
    assert [] == list_names(out)


def test_fifo_is_refused_without_waiting(tmp_path, out):
    os.mkfifo(tmp_path / "fifo")

    result = JobA(out).execute(tmp_path / "fifo")

    assert "input.not_a_file" == result.code
    assert not out.exists()


def test_output_folder_that_is_a_file_is_refused(source, out):
    out.write_text("a file")

    result = JobA(out).execute(source)

    assert "output.not_a_folder" == result.code
    assert f"{out / 'sample_processed.json'}: cannot be written: {out} is not a folder" == result.error
    assert "a file" == out.read_text()


URI = "file:///data/x.txt"
RUN = "import sys; from pipeline_jobs import JobA; JobA(sys.argv[2]).execute(sys.argv[1]).unwrap()"


def read_uri(path):
    return json.loads(path.read_bytes())["source"]["uri"]


def copy_elsewhere(source):
    path = source.parent.parent / "other" / source.name
    path.parent.mkdir()
    path.write_bytes(source.read_bytes())
    return path


def test_same_source_replaces_its_document(source, out):
    first = run(source, out)
    source.write_text("changed")
    second = run(source, out)

    assert first == second
    assert ["sample_processed.json"] == list_names(out)
    assert "changed" == json.loads(second.read_bytes())["records"][0]["content"]


def test_two_sources_with_one_stem_keep_both_documents(source, out):
    other = copy_elsewhere(source)

    first, second = run(source, out), run(other, out)

    assert (source.as_uri(), other.as_uri()) == (read_uri(first), read_uri(second))
    assert (second, first) == (run(other, out), run(source, out))
    assert sorted([first.name, second.name]) == list_names(out)
    assert "sample_processed.json" == first.name
    assert f"sample_{sha256(other.as_uri().encode()).hexdigest()[:8]}_processed.json" == second.name


def test_standard_input_that_holds_something_else_keeps_both_documents(source, out):
    """A run beside this one may not have loaded the other document yet."""
    names = []
    for text in ("one", "two", "one", "two"):
        source.write_text(text)
        with use_stand_in(source, STDIN):
            names.append(run(source, out).name)

    mark = sha256(b"stdin:" + sha256(b"two").hexdigest().encode()).hexdigest()[:8]
    assert ["sample_processed.json", f"sample_{mark}_processed.json"] * 2 == names
    assert "stdin:" == read_uri(out / names[0]) == read_uri(out / names[1])


def test_an_error_names_what_a_temporary_file_stands_for(source, out):
    source.write_bytes(b"\xff")

    with use_stand_in(source, Source("file:///orders", "orders")):
        error = JobA(out).execute(source).error

    assert error.startswith("orders, byte 0, line 1: ")
    assert JobA(out).execute(source).error.startswith(f"{source}, byte 0, line 1: ")


@pytest.mark.parametrize("content", [b"", b"not ours", b'{"records": []}', b'["a"]', 100 * b"\xff"])
def test_file_of_somebody_else_is_kept(source, out, content):
    out.mkdir()
    (out / "sample_processed.json").write_bytes(content)

    path = run(source, out)

    assert "sample_processed.json" != path.name
    assert content == (out / "sample_processed.json").read_bytes()
    assert path == run(source, out)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
def test_folder_fifo_or_link_with_the_name_is_kept(source, out, make):
    out.mkdir()
    make(out / "sample_processed.json")

    path = run(source, out)

    assert sorted(["sample_processed.json", path.name]) == list_names(out)
    assert source.as_uri() == read_uri(path)


def test_document_is_recognized_in_any_layout(source, out):
    path = run(source, out)
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=2), encoding="utf-8")

    assert path == run(source, out)
    assert [path.name] == list_names(out)


def test_both_names_taken_is_an_error(source, out):
    out.mkdir()
    marked = f"sample_{sha256(source.as_uri().encode()).hexdigest()[:8]}_processed.json"
    for name in ("sample_processed.json", marked):
        (out / name).write_text("not ours")

    result = JobA(out).execute(source)

    assert "output.taken" == result.code
    assert ["not ours", "not ours"] == [path.read_text() for path in out.iterdir()]


@pytest.mark.parametrize("squatters", [1, 2, 5])
def test_inputs_named_like_the_names_of_another_take_none_from_it(source, out, squatters):
    """Each input has a name of its own, and keeps it when it is run again."""
    first = copy_elsewhere(source)
    run(first, out)  # has the plain name
    uris = [source.as_uri(), *(f"{source.as_uri()} {number}" for number in range(1, squatters))]
    for uri in uris:
        squatter = source.with_name(f"sample_{sha256(uri.encode()).hexdigest()[:8]}.txt")
        squatter.write_text("mine")
        assert f"{squatter.stem}_processed.json" == run(squatter, out).name

    path = run(source, out)

    assert source.as_uri() == read_uri(path)
    assert path == run(source, out)
    assert squatters + 2 == len(list_names(out))
    assert squatters + 2 == len({read_uri(each) for each in out.iterdir()})


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        (b"no_suffix", b"no_suffix"),
        (b"a.tar.z", b"a.tar"),
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
    assert os.fsencode(source) == unquote_to_bytes(read_uri(path).removeprefix("file://"))
    assert path == run(source, out)
    assert [path.name] == list_names(out)


@pytest.mark.parametrize("name", [255 * "x", 251 * "x" + ".txt", 125 * "é" + ".txt"])
def test_longest_file_names_work(tmp_path, out, name):
    source = tmp_path / name
    source.write_text("x")

    assert run(source, out) == run(source, out)
    assert 1 == len(list_names(out))


def test_link_has_the_identity_of_its_target(source, out, tmp_path):
    """The identity is resolved, so that one file is not loaded twice under two names."""
    link = tmp_path / "link.txt"
    link.symlink_to(source)

    path = run(link, out)

    assert "link_processed.json" == path.name
    assert source.as_uri() == read_uri(path)


def test_concurrent_threads_leave_one_whole_document(source, out):
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: run(source, out), range(40)))

    assert {out / "sample_processed.json"} == paths
    assert ["sample_processed.json"] == list_names(out)
    assert 2 == json.loads(paths.pop().read_bytes())["record_count"]


def test_concurrent_processes_with_one_stem_keep_both_documents(source, out):
    sources = [source, copy_elsewhere(source)]

    running = [subprocess.Popen([sys.executable, "-c", RUN, each, out]) for each in 3 * sources]

    assert [0, 0, 0, 0, 0, 0] == [process.wait() for process in running]
    assert {each.as_uri() for each in sources} == {read_uri(path) for path in out.iterdir()}
    assert 2 == len(list_names(out))


def test_output_name_is_the_stem_or_the_stem_with_a_hash(tmp_path):
    plain, marked = list_output_names(tmp_path, "x", URI)

    assert ("x_processed.json", "x_fb984844_processed.json") == (plain.name, marked.name)
    assert tmp_path == plain.parent == marked.parent


@pytest.mark.parametrize(
    "stem",
    [255 * "x", 127 * "é", 63 * "🎉", 255 * os.fsdecode(b"\xff")],
    ids=["1 byte each", "2 bytes", "4 bytes", "not UTF-8"],
)
def test_long_stem_is_cut_and_always_has_the_hash(tmp_path, stem):
    """Two sources could have the same cut name, so the hash is always there."""
    plain, marked = list_output_names(tmp_path, stem, URI)

    assert plain == marked
    assert plain.name.endswith("_fb984844_processed.json")
    assert stem.startswith(plain.name.removesuffix("_fb984844_processed.json"))
    with open_draft(plain) as draft:
        assert plain == draft.publish([plain], lambda _: False)
