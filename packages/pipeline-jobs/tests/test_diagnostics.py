"""Diagnostics of an output folder, which change nothing in it."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline_jobs import PipelineError
from pipeline_jobs.diagnostics import examine_folder
from pipeline_jobs.storage.atomic_writer import open_draft

NOBODY = 65534
ODD = os.fsdecode(b"\xff\x1b[31m\n")
KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline_jobs.storage.atomic_writer import open_draft

with open_draft(Path(sys.argv[1])) as opened:
    opened.stream.write(b"half")
    opened.stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
HINT = "a run removes those of its own output; delete the others (.*.tmp) when no run is at work"


@pytest.fixture
def home():
    """A folder owned by the user whom the tests of file modes act as."""
    with TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, -1)
        yield Path(folder)
        Path(folder).chmod(0o700)


@pytest.fixture
def unprivileged():
    """A context manager that acts as a user to whom file modes apply, unlike root."""

    @contextmanager
    def act():
        if os.geteuid():
            yield
            return
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    return act


def get_values(findings):
    """Return findings as plain values, as two errors are never equal."""
    return [
        (each.what, each.found, each.hint, each.error and (each.error.code, str(each.error)))
        for each in findings
    ]


def test_writable_folder_has_no_error(tmp_path):
    assert [
        ("output folder", f"{tmp_path}", None, None),
        ("temporary files", "none left", None, None),
    ] == get_values(examine_folder(tmp_path))


@pytest.mark.parametrize("below", ["out", "far/below"])
def test_missing_folder_is_reported_and_not_made(tmp_path, below):
    findings = examine_folder(tmp_path / below)

    found = f"{tmp_path / below}: none yet, the first run makes it"
    assert [("output folder", found, None, None)] == get_values(findings)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x_processed.json", f"{ODD}_processed.json"], ids=["plain", "odd"])
def test_drafts_of_killed_runs_are_counted_and_kept(tmp_path, name):
    """A locked draft is in use; other names, folders and pipes are ignored."""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, tmp_path / name], check=False)
    left = list(tmp_path.iterdir())
    (tmp_path / ".x.0123456.tmp").write_bytes(b"other")
    (tmp_path / "x.01234567.tmp").write_bytes(b"other")
    (tmp_path / ".x.01234567.tmp").mkdir()
    os.mkfifo(tmp_path / ".y.01234567.tmp")
    (tmp_path / ".z.01234567.tmp").symlink_to("x.01234567.tmp")

    with open_draft(tmp_path / "other.json"):
        findings = examine_folder(tmp_path)

    found = "1 left by runs that were killed, 4 bytes; 1 of runs at work"
    assert 1 == len(left)  # the second run removed what the first one left
    assert ("temporary files", found, HINT, None) == get_values(findings)[1]
    assert left[0].read_bytes() == b"half"


def make_file(folder):
    (folder / "out").touch()
    return folder / "out", "out"


def make_file_above(folder):
    return make_file(folder)[0] / "below", "out"


def make_dangling_link(folder):
    (folder / "out").symlink_to(folder / "nowhere")
    return folder / "out", "out"


@pytest.mark.parametrize("make", [make_file, make_file_above, make_dangling_link])
def test_path_that_is_not_a_folder_is_an_error(tmp_path, make):
    folder, culprit = make(tmp_path)

    message = f"{folder}: cannot be written: {tmp_path / culprit} is not a folder"
    expected = ("output folder", f"{folder}", None, ("output.not_a_folder", message))
    assert [expected] == get_values(examine_folder(folder))
    with pytest.raises(PipelineError) as caught, open_draft(folder / "x.json"):
        pass
    assert "output.not_a_folder" == caught.value.code


@pytest.mark.parametrize(
    ("where", "code", "reason"),
    [
        (256 * "x", "output.failed", "File name too long"),
        ("loop", "output.failed", "Too many levels of symbolic links"),
    ],
)
def test_unresolvable_name_is_an_error(tmp_path, where, code, reason):
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
        (0o300, "", True),  # a run lists its folder, ...
        (0o500, "out", True),
        (0o300, "out", True),  # ... and syncs the one above
        (0o000, "out/below", True),
        (0o700, "out/below", False),
    ],
)
def test_folder_modes_that_prevent_a_run_are_an_error(home, unprivileged, mode, below, denied):
    folder = home / below
    home.chmod(mode)

    with unprivileged():
        first = examine_folder(folder)[0]
        try:
            with open_draft(folder / "x.json"):
                code = None
        except PipelineError as error:
            code = error.code

    expected = ("output.denied", f"{folder}: cannot be written: Permission denied") if denied else None
    assert expected == (first.error and (first.error.code, str(first.error)))
    assert ("output.denied" if denied else None) == code
