"""A file appears whole or not at all, and what a dead run left behind is cleared away."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_jobs import OutputError, output
from pipeline_jobs.naming import candidates
from pipeline_jobs.output import draft

URI = "file:///data/x.txt"
WRITER = """
import sys
from pathlib import Path
from pipeline_jobs.output import draft

with draft(Path(sys.argv[1])) as opened:
    opened.stream.write(b"half")
    opened.stream.flush()
    print(opened.temporary, flush=True)
    sys.stdin.read()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def publish(path, content=b"new", ours=False, others=()):
    with draft(path) as opened:
        opened.stream.write(content)
        return opened.publish([path, *others], lambda _: ours)


def test_the_name_is_the_stem_or_the_stem_with_a_hash(tmp_path):
    plain, marked = candidates(tmp_path, "x", URI)

    assert ("x_processed.json", "x_fb984844_processed.json") == (plain.name, marked.name)
    assert tmp_path == plain.parent == marked.parent


@pytest.mark.parametrize(
    "stem",
    [255 * "x", 127 * "é", 63 * "🎉", 255 * os.fsdecode(b"\xff")],
    ids=["of 1 byte", "of 2", "of 4", "no text"],
)
def test_a_long_name_leaves_room_for_what_is_added(tmp_path, stem):
    """Its plain name would be cut, and two sources could meet in it: the hash is always there."""
    plain, marked = candidates(tmp_path, stem, URI)

    assert plain == marked
    assert plain.name.endswith("_fb984844_processed.json")
    assert stem.startswith(plain.name.removesuffix("_fb984844_processed.json"))
    assert plain == publish(plain)


def test_nothing_is_visible_before_it_is_published(tmp_path):
    path = tmp_path / "new" / "folder" / "x.json"

    with draft(path) as opened:
        opened.stream.write(b"whole")
        before = path.exists(), opened.temporary.exists()
        opened.publish([path], lambda _: False)

    assert (False, True) == before
    assert ["x.json"] == names(path.parent)
    assert b"whole" == path.read_bytes()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_is_not_published_leaves_nothing(tmp_path, error):
    def interrupted():
        with draft(tmp_path / "x.json") as opened:
            opened.stream.write(b"half")
            raise error

    with pytest.raises(error):
        interrupted()

    assert [] == names(tmp_path)


def test_a_name_is_replaced_only_if_it_is_ours(tmp_path):
    path, other = tmp_path / "x.json", tmp_path / "y.json"
    path.write_bytes(b"old")

    assert other == publish(path, b"first", ours=False, others=[other])
    assert path == publish(path, b"second", ours=True)
    assert (b"second", b"first") == (path.read_bytes(), other.read_bytes())
    assert ["x.json", "y.json"] == names(tmp_path)


def test_without_a_free_name_nothing_is_written(tmp_path):
    path, other = tmp_path / "x.json", tmp_path / "y.json"
    path.write_bytes(b"old")
    other.mkdir()

    with pytest.raises(OutputError) as caught:
        publish(path, others=[other])

    assert "output.taken" == caught.value.code
    assert f"{path}: the file there is of another source; move it away" == str(caught.value)
    assert (b"old", ["x.json", "y.json"]) == (path.read_bytes(), names(tmp_path))


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)

    assert b"new" == publish(tmp_path / "x.json").read_bytes()
    assert ["x.json"] == names(tmp_path)

    with pytest.raises(OutputError):  # a rename would replace what is there
        publish(tmp_path / "x.json", b"newer")
    assert b"new" == (tmp_path / "x.json").read_bytes()


@pytest.mark.parametrize("name", ["x.json", "a [b]*?.json", "new\nline.json", os.fsdecode(b"caf\xe9.json")])
def test_what_a_killed_writer_left_is_removed_but_nothing_of_a_living_one(tmp_path, name):
    path = tmp_path / name
    command = [sys.executable, "-c", WRITER, os.fsencode(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        line = writer.stdout.readline()
        while path.name.count("\n") > line.count(b"\n") - 1:
            line += writer.stdout.readline()
        temporary = Path(os.fsdecode(line[:-1]))

        publish(path, b"first")
        while_alive = temporary.exists()
        writer.kill()
        writer.wait()
        publish(path, b"second", ours=True)

    assert while_alive
    assert [name] == names(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        ".y.json.01234567.tmp",
        ".x.json.0123456.tmp",
        ".x.json.notours!.tmp",
        "x.json.01234567.tmp",
        ".x.json.tmp",
    ],
)
def test_what_is_not_of_this_output_stays(tmp_path, name):
    (tmp_path / name).touch()

    publish(tmp_path / "x.json")

    assert sorted([name, "x.json"]) == names(tmp_path)


def test_a_draft_that_is_removed_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    """Between making a file and locking it, another run may take it for abandoned."""
    locked = []

    def flock(stream, how, lock=output.fcntl.flock):
        if not locked:
            Path(stream.name).unlink()
        locked.append(stream.name)
        lock(stream, how)

    monkeypatch.setattr(output.fcntl, "flock", flock)

    assert b"new" == publish(tmp_path / "x.json").read_bytes()
    assert 2 == len(set(locked))


def test_what_only_looks_like_a_left_over_is_not_waited_for(tmp_path):
    """Neither a FIFO, which nobody writes to, nor a link is a draft of ours."""
    os.mkfifo(tmp_path / ".x.json.00000000.tmp")
    (tmp_path / ".x.json.11111111.tmp").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()

    publish(tmp_path / "x.json")

    assert 4 == len(list(tmp_path.iterdir()))
