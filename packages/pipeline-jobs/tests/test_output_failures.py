"""What cannot be written is an `OutputError` with a code, and what was there before stays."""

import resource
from pathlib import Path

import pytest

from pipeline_jobs import OutputError, draft


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
