"""Reading of local files: only regular ones, and every failure is an error."""

import os
import signal
import socket
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from pipeline_jobs import InputError, JobA, JobB
from pipeline_jobs.storage.input import LocalInput
from pipeline_jobs.testing import MemoryStore


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)  # relative: the path of a socket may have 107 bytes


KINDS = {
    "missing": (lambda _: None, "input.missing", "no such file"),
    "below a file": (
        lambda path: path.parent.rmdir() or path.parent.touch(),
        "input.missing",
        "no such file",
    ),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "input.missing", "no such file"),
    "link to itself": (
        lambda path: path.symlink_to(path),
        "input.unreadable",
        "cannot be read: Too many levels of symbolic links",
    ),
    "folder": (lambda path: path.mkdir(), "input.not_a_file", "is a folder, expected a regular file"),
    # Opening one would wait for a writer that never comes.
    "FIFO": (os.mkfifo, "input.not_a_file", "is a FIFO, expected a regular file"),
    "socket": (make_socket, "input.not_a_file", "is a socket, expected a regular file"),
    "device": (
        lambda path: path.symlink_to("/dev/null"),
        "input.not_a_file",
        "is a device, expected a regular file",
    ),
}


def count_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def time_limit():
    """Fail a test that waits, after 5 seconds."""

    def fail(*_):
        raise TimeoutError("the test waited")

    handler = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, 5)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, handler)


@pytest.mark.usefixtures("time_limit")
@pytest.mark.parametrize(("make", "code", "message"), KINDS.values(), ids=KINDS)
def test_only_regular_files_are_opened(tmp_path, monkeypatch, make, code, message):
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    make(folder / "x")
    before = count_descriptors()

    with pytest.raises(InputError) as caught:
        LocalInput(folder / "x")

    assert (code, f"{folder / 'x'}: {message}") == (caught.value.code, str(caught.value))
    assert before == count_descriptors()


def test_file_is_closed_after_the_block(tmp_path):
    path = tmp_path / "x"
    path.touch()
    before = count_descriptors()

    with LocalInput(path):
        assert before + 1 == count_descriptors()

    assert before == count_descriptors()


def test_read_returns_the_bytes_asked_for_until_the_end(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")

    with LocalInput(path) as file:
        assert (10, b"0123", b"456789", b"") == (file.size, file.read(4), file.read(100), file.read(4))
        file.seek(8)
        assert b"89" == file.read(4)


def test_failing_read_is_an_input_error():
    """Nothing is mapped at the first address, so the kernel refuses to read it."""
    with LocalInput(Path("/proc/self/mem")) as file, pytest.raises(InputError) as caught:
        file.read(1)

    assert "input.unreadable" == caught.value.code
    assert "/proc/self/mem: cannot be read: Input/output error" == str(caught.value)


def append(path):
    with path.open("ab") as stream:
        stream.write(b"more")


@pytest.mark.parametrize(
    "change", [append, lambda path: os.truncate(path, 1), lambda path: os.utime(path, ns=(1, 1))]
)
def test_change_while_reading_is_detected(tmp_path, change):
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")

    with LocalInput(path) as file:
        file.check_unchanged()
        change(path)
        with pytest.raises(InputError) as caught:
            file.check_unchanged()

    assert "input.changed" == caught.value.code
    assert f"{path}: was changed while it was read; try again" == str(caught.value)


@pytest.mark.parametrize(
    "name", [b"x.txt", b"a b#?%.txt", b"a\nb\x1b.txt", b"caf\xe9.txt", "größe.txt".encode()]
)
def test_source_uri_leads_back_to_the_file(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.touch()

    with LocalInput(path) as file:
        source = file.source

    assert os.fsencode(path) == unquote_to_bytes(source.uri.removeprefix("file://"))
    assert source.uri.isascii()
    assert source.name.isprintable()


def test_source_of_a_link_is_its_target(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.txt").touch()
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "link.txt").symlink_to("folder/x.txt")

    with LocalInput(tmp_path / "link.txt") as file:
        source = file.source

    assert (tmp_path / "real" / "x.txt").as_uri() == source.uri
    assert "x.txt" == source.name


@pytest.mark.usefixtures("time_limit")
@pytest.mark.parametrize("kind", ["folder", "FIFO", "socket", "device"])
def test_link_to_something_else_is_refused_like_its_target(tmp_path, monkeypatch, kind):
    make, code, message = KINDS[kind]
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x")
    (tmp_path / "between").symlink_to("x")
    (tmp_path / "link").symlink_to("between")

    with pytest.raises(InputError) as caught:
        LocalInput(tmp_path / "link")

    assert (code, f"{tmp_path / 'link'}: {message}") == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("job", [lambda folder: JobA(folder / "out"), lambda _: JobB(MemoryStore())])
def test_each_job_opens_its_input_once(tmp_path, monkeypatch, job):
    opened = []

    def open_and_count(path, *arguments, open_file=os.open, **named):
        if path == tmp_path / "x":
            opened.append(path)
        return open_file(path, *arguments, **named)

    (tmp_path / "x").write_text("[]")
    monkeypatch.setattr(os, "open", open_and_count)

    assert job(tmp_path).execute(tmp_path / "x").success
    assert 1 == len(opened)


@pytest.mark.parametrize("job", [lambda folder: JobA(folder / "out"), lambda _: JobB(MemoryStore())])
def test_missing_input_is_refused_before_anything_is_made(tmp_path, job):
    result = job(tmp_path).execute(tmp_path / "x")

    assert ("input.missing", f"{tmp_path / 'x'}: no such file") == (result.code, result.error)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.usefixtures("time_limit")
@pytest.mark.parametrize("kind", ["folder", "FIFO", "socket", "device"])
@pytest.mark.parametrize("job", [lambda folder: JobA(folder / "out"), lambda _: JobB(MemoryStore())])
def test_file_replaced_after_validation_is_refused(tmp_path, monkeypatch, kind, job):
    """The open file is checked, not what the path led to a moment before."""
    path = tmp_path / "x"
    path.write_text("[]")
    work = job(tmp_path)
    valid = work.validate_input(path)
    path.unlink()
    monkeypatch.chdir(tmp_path)
    KINDS[kind][0](path)

    with pytest.raises(InputError) as caught:
        work.single_job(valid)

    assert "input.not_a_file" == caught.value.code


@pytest.mark.usefixtures("time_limit")
def test_open_file_is_read_even_if_its_name_is_reused(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")

    with LocalInput(path) as file:
        path.unlink()
        os.mkfifo(path)
        assert (10, b"0123456789") == (file.size, file.read(100))
        file.check_unchanged()
