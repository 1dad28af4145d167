"""What cannot be written is an `OutputError` with a code, and what was there before stays."""

import resource
import shutil
from pathlib import Path

import pytest

from pipeline_jobs import JobA, OutputError, draft


def publish(path, size=1):
    with draft(path) as opened:
        opened.stream.write(bytes(size))
        opened.publish([path], lambda _: True)


def occupied(folder):
    (folder / "out").touch()
    return folder / "out"


@pytest.mark.parametrize(
    ("where", "code", "message"),
    [
        (occupied, "output.not_a_folder", "{parent} is no folder"),
        (lambda folder: occupied(folder) / "below", "output.not_a_folder", "{parent} is no folder"),
        (lambda folder: folder / (256 * "x"), "output.failed", "File name too long"),
    ],
    ids=["a file", "below a file", "long name"],
)
def test_what_cannot_be_written_is_an_output_error(tmp_path, where, code, message):
    path = where(tmp_path) / "x.json"

    with pytest.raises(OutputError) as caught:
        publish(path)

    assert code == caught.value.code
    assert f"{path}: cannot be written: {message.format(parent=path.parent)}" == str(caught.value)


def test_where_nobody_may_write_is_denied():
    """The kernel refuses root too; in which words depends on who asks and how /sys is mounted."""
    with pytest.raises(OutputError, match=r"^/sys/nope/x\.json: cannot be written: .") as caught:
        publish(Path("/sys/nope/x.json"))

    assert "output.denied" == caught.value.code


@pytest.mark.parametrize("size", [5000, 100_000], ids=["when it is flushed", "when it is written"])
def test_a_full_disk_leaves_what_was_there(tmp_path, size):
    """The limit on the size of a file stands in for the end of the disk."""
    path = tmp_path / "x.json"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError) as caught:
            publish(path, size)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ("output.no_space", f"{path}: cannot be written: File too large") == (
        caught.value.code,
        str(caught.value),
    )
    assert (b"old", ["x.json"]) == (path.read_bytes(), [each.name for each in tmp_path.iterdir()])


def replaced(folder, _):
    folder.rename(folder.with_name("moved"))
    folder.mkdir()


REMOVALS = {
    "folder": lambda folder, _: shutil.rmtree(folder),
    "folder and all above": lambda folder, _: shutil.rmtree(folder.parent),
    "folder replaced": replaced,
    "folder moved": lambda folder, _: folder.rename(folder.with_name("moved")),
    "file": lambda _, temporary: temporary.unlink(),
    "file replaced": lambda _, temporary: (temporary.unlink(), temporary.touch()),
    "folder made a file": lambda folder, _: (shutil.rmtree(folder), folder.touch()),
}


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_what_is_removed_during_a_job_is_told(tmp_path, remove):
    """Nothing is left, neither in the folder nor in one that has taken its name."""
    source, folder = tmp_path / "x.txt", tmp_path / "below" / "out"
    source.write_text("a\n")

    def progress(*_):
        (temporary,) = folder.iterdir()
        remove(folder, temporary)

    job = JobA(folder)
    job.progress = progress
    result = job.execute(source)

    path = folder / "x_processed.json"
    reason = "its folder or temporary file was removed meanwhile; run the same command again"
    assert ("output.removed", f"{path}: cannot be written: {reason}") == (result.code, result.error)
    assert [source] == [each for each in tmp_path.rglob("*") if each.is_file() and each != folder]


def test_the_same_command_again_does_it(tmp_path):
    source, folder = tmp_path / "x.txt", tmp_path / "out"
    source.write_text("a\n")
    job = JobA(folder)
    job.progress = lambda *_: shutil.rmtree(folder)

    assert "output.removed" == job.execute(source).code
    assert JobA(folder).execute(source).success


def test_what_takes_the_folders_name_at_the_last_moment_is_left_alone(tmp_path, monkeypatch):
    """The draft is published where it was made, whatever is now called so."""
    path = tmp_path / "out" / "x.json"

    with draft(path) as opened:
        at_the_last_moment(opened, replaced, monkeypatch)
        opened.publish([path], lambda _: True)

    assert [] == list(path.parent.iterdir())
    assert [tmp_path / "moved" / "x.json"] == list((tmp_path / "moved").iterdir())


def test_a_folder_removed_at_the_last_moment_is_told(tmp_path, monkeypatch):
    path = tmp_path / "out" / "x.json"

    with pytest.raises(OutputError) as caught, draft(path) as opened:  # noqa: PT012  # the draft is what raises
        at_the_last_moment(opened, REMOVALS["folder"], monkeypatch)
        opened.publish([path], lambda _: True)

    assert "output.removed" == caught.value.code


def at_the_last_moment(opened, remove, monkeypatch):
    """Have something removed when the draft was just seen to be in its place."""
    check = opened._check_in_place
    monkeypatch.setattr(opened, "_check_in_place", lambda: (check(), remove(opened.path.parent, None)))


def test_no_descriptor_is_left_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))

    publish(tmp_path / "x.json")
    with pytest.raises(OutputError):
        publish(tmp_path / (256 * "x"))

    assert before == len(list(Path("/proc/self/fd").iterdir()))
