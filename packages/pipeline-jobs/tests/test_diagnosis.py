"""What is found in an output folder, and that nothing there is touched."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline_jobs import PipelineError, draft, examine_folder

NOBODY = 65534
ODD = os.fsdecode(b"\xff\x1b[31m\n")
KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline_jobs import draft

with draft(Path(sys.argv[1])) as opened:
    opened.stream.write(b"half")
    opened.stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
HINT = "a run removes those of its own output; delete the others (.*.tmp) when no run is at work"


@pytest.fixture
def home():
    """A folder of the person that the tests of file modes act as."""
    with TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, -1)
        yield Path(folder)
        Path(folder).chmod(0o700)


@pytest.fixture
def unprivileged():
    """Act as somebody whom file modes bind, which root is not."""

    @contextmanager
    def acting():
        if os.geteuid():
            yield
            return
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    return acting


def said(findings):
    """Return findings as plain values: errors are equal to themselves alone."""
    return [
        (each.what, each.found, each.hint, each.error and (each.error.code, str(each.error)))
        for each in findings
    ]


def test_a_folder_that_can_be_written_to(tmp_path):
    assert [
        ("output folder", f"{tmp_path}", None, None),
        ("temporary files", "none left", None, None),
    ] == said(examine_folder(tmp_path))


@pytest.mark.parametrize("below", ["out", "far/below"])
def test_a_folder_that_is_not_there_is_not_made(tmp_path, below):
    findings = examine_folder(tmp_path / below)

    found = f"{tmp_path / below}: none yet, the first run makes it"
    assert [("output folder", found, None, None)] == said(findings)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x_processed.json", f"{ODD}_processed.json"], ids=["plain", "odd"])
def test_what_a_killed_run_left_is_counted_and_stays(tmp_path, name):
    """Whose lock is held is work in progress; other names, folders and pipes are not ours to judge."""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, tmp_path / name], check=False)
    left = list(tmp_path.iterdir())
    (tmp_path / ".x.0123456.tmp").write_bytes(b"other")
    (tmp_path / "x.01234567.tmp").write_bytes(b"other")
    (tmp_path / ".x.01234567.tmp").mkdir()
    os.mkfifo(tmp_path / ".y.01234567.tmp")
    (tmp_path / ".z.01234567.tmp").symlink_to("x.01234567.tmp")

    with draft(tmp_path / "other.json"):
        findings = examine_folder(tmp_path)

    found = "1 left by runs that were killed, 4 bytes; 1 of runs at work"
    assert 1 == len(left)  # the second run removed what the first one left
    assert ("temporary files", found, HINT, None) == said(findings)[1]
    assert left[0].read_bytes() == b"half"


def a_file(folder):
    (folder / "out").touch()
    return folder / "out", "out"


def below_a_file(folder):
    return a_file(folder)[0] / "below", "out"


def a_link_to_nowhere(folder):
    (folder / "out").symlink_to(folder / "nowhere")
    return folder / "out", "out"


@pytest.mark.parametrize("made", [a_file, below_a_file, a_link_to_nowhere])
def test_something_else_in_its_place_is_an_error(tmp_path, made):
    folder, culprit = made(tmp_path)

    message = f"{folder}: cannot be written: {tmp_path / culprit} is no folder"
    expected = ("output folder", f"{folder}", None, ("output.not_a_folder", message))
    assert [expected] == said(examine_folder(folder))
    with pytest.raises(PipelineError) as caught, draft(folder / "x.json"):
        pass
    assert "output.not_a_folder" == caught.value.code


@pytest.mark.parametrize(
    ("where", "code", "reason"),
    [
        (256 * "x", "output.failed", "File name too long"),
        ("loop", "output.failed", "Too many levels of symbolic links"),
    ],
)
def test_a_name_that_leads_nowhere_is_an_error(tmp_path, where, code, reason):
    (tmp_path / "loop").symlink_to("loop")

    [finding] = examine_folder(tmp_path / where)

    assert (code, f"{tmp_path / where}: cannot be written: {reason}") == (
        finding.error.code,
        str(finding.error),
    )


@pytest.mark.parametrize(
    ("mode", "below", "denied"),
    [
        (0o500, "", True),
        (0o300, "", True),  # a run lists its folder,
        (0o500, "out", True),
        (0o300, "out", True),  # and syncs the one above
        (0o000, "out/below", True),
        (0o700, "out/below", False),
    ],
)
def test_modes_that_keep_a_run_from_writing_are_an_error(home, unprivileged, mode, below, denied):
    folder = home / below
    home.chmod(mode)

    with unprivileged():
        first = examine_folder(folder)[0]
        try:
            with draft(folder / "x.json"):
                code = None
        except PipelineError as error:
            code = error.code

    expected = ("output.denied", f"{folder}: cannot be written: Permission denied") if denied else None
    assert expected == (first.error and (first.error.code, str(first.error)))
    assert ("output.denied" if denied else None) == code
