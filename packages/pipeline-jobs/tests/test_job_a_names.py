"""Job A: the name of an output belongs to one source, whatever that is called and whoever else writes."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from pipeline_jobs import JobA

RUN = "import sys; from pipeline_jobs import JobA; JobA(sys.argv[2]).execute(sys.argv[1]).unwrap()"


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
