"""What is found of a database's place and of what keeps it durable there, and that nothing there changes."""

import os
import subprocess
import sys
from functools import partial

import pytest

from pipeline_db import diagnosis, durability, examine_database
from pipeline_db.sqlite import create
from pipeline_jobs import OnDuplicate, Source

FAULTY, MENDED = (3, 40, 1), (3, 51, 3)
REMOTE = "on a file system that is not local, locks may not hold; a database is safe on a local disk"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The folder of a test on a file system of a type, examined with a release of SQLite."""

    def on(kind="ext4", version=FAULTY):
        device = tmp_path.stat().st_dev
        mounts = tmp_path / "mountinfo"
        mounts.write_text(f"22 1 {os.major(device)}:{os.minor(device)} / / rw - {kind} /dev/x rw\n")
        monkeypatch.setattr(durability, "_MOUNTS", mounts)
        monkeypatch.setattr(diagnosis, "_VERSION", version)
        monkeypatch.setattr(diagnosis.DRIVER, "sqlite_version", ".".join(map(str, version)))

    on()
    return on


def said(findings):
    """Return findings as plain values: errors are equal to themselves alone."""
    return [
        (each.what, each.found, each.hint, each.error and (each.error.code, str(each.error)))
        for each in findings
    ]


FAULT = ("SQLite", "3.40.1, with the WAL-reset fault: WAL is not used", None, None)
LOCAL = ("file system", "ext4, local", None, None)
ROLLBACK = ("journal", "DELETE, synchronous EXTRA", None, None)


def test_a_database_that_can_be_used(store):
    store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)
    store.finalize(1)

    assert [
        FAULT,
        ("database", f"{store.path}, {store.path.stat().st_size:,} bytes", None, None),
        LOCAL,
        ROLLBACK,
        ("file mode", "0600, its owner's alone", None, None),
        ("schema", "version 2, that of this release", None, None),
        ("integrity", "SQLite finds no damage, and a batch for every record", None, None),
        ("batches", "1 finalized, none unfinished", None, None),
    ] == said(examine_database(store.path))


@pytest.mark.parametrize("name", ["p.db", "far/below/p.db"])
def test_a_database_that_is_not_there_is_not_made(tmp_path, name):
    path = tmp_path / name

    missing = ("database", f"{path}: none yet, the first load makes it", None, None)
    assert [FAULT, missing, LOCAL, ROLLBACK] == said(examine_database(path))
    assert not (tmp_path / name.partition("/")[0]).exists()


@pytest.mark.parametrize(
    ("made", "code", "text"),
    [
        (lambda path: path.mkdir(), "database.not_a_file", "is a folder; name a file with --db-path"),
        (os.mkfifo, "database.not_a_file", "is no regular file; name a file with --db-path"),
        (
            partial(os.symlink, "p.db"),
            "database.unavailable",
            "Too many levels of symbolic links",
        ),
        (
            lambda path: path.write_text("no database"),
            "database.not_a_database",
            "it is no SQLite database; name another with --db-path (file is not a database)",
        ),
    ],
    ids=["a folder", "a FIFO", "a loop", "a text"],
)
def test_what_can_be_no_database_is_an_error(tmp_path, made, code, text):
    path = tmp_path / "p.db"
    made(path)

    assert [FAULT, ("database", f"{path}", None, (code, f"{path}: {text}"))] == said(examine_database(path))


@pytest.mark.parametrize("name", ["p.db\0", 256 * "x"], ids=["NUL", "long"])
def test_a_name_that_no_file_can_have_is_an_error(tmp_path, name):
    assert ["database.unavailable"] == [
        each.error.code for each in examine_database(tmp_path / name) if each.error
    ]


def test_the_journal_follows_the_release_and_the_file_system(tmp_path, place, ask):
    path = tmp_path / "p.db"
    create(path)
    ask(path, "PRAGMA journal_mode = WAL")
    place("ext4", MENDED)

    library, _, kind, chosen = said(examine_database(path))[:4]

    assert ("SQLite", "3.51.3, without the WAL-reset fault", None, None) == library
    assert [LOCAL, ("journal", "WAL, synchronous FULL", None, None)] == [kind, chosen]
    place("nfs4", MENDED)
    _, _, kind, chosen = said(examine_database(path))[:4]
    assert ("file system", "nfs4, not known to be local", REMOTE, None) == kind
    found = "DELETE, synchronous EXTRA; the file is in WAL mode until the next load or finalize"
    assert ("journal", found, None, None) == chosen


def test_a_file_system_that_is_not_known_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setattr(durability, "_MOUNTS", tmp_path / "missing")

    found = said(examine_database(tmp_path / "p.db"))[2]

    assert ("file system", "unknown, not known to be local", REMOTE, None) == found


@pytest.mark.parametrize("mode", [0o640, 0o602, 0o755])
def test_a_file_that_others_may_use_is_worth_a_hint(store, mode):
    create(store.path)
    store.path.chmod(mode)

    hint = "others than its owner may use it; chmod 600 keeps them out"
    assert ("file mode", f"{mode:04o}", hint, None) in said(examine_database(store.path))


@pytest.mark.parametrize(
    ("mode", "folder", "errors"),
    [
        (0o400, 0o700, ["database.read_only"]),
        (0o600, 0o500, ["database.read_only"]),
        (0o200, 0o700, ["database.io"]),
        (0o600, 0o000, ["database.unavailable"]),
    ],
)
def test_modes_that_keep_a_run_out_are_an_error(home, unprivileged, mode, folder, errors):
    """What can be read is examined all the same."""
    path = home / "p.db"
    with unprivileged():
        create(path)
    path.chmod(mode)
    home.chmod(folder)
    with unprivileged():
        findings = examine_database(path)

    assert errors == [each.error.code for each in findings if each.error]
    assert ("database.read_only" in errors) == ("integrity" in [each.what for each in findings])


def test_where_no_database_can_be_made_is_an_error(home, unprivileged):
    home.chmod(0o500)
    with unprivileged():
        findings = said(examine_database(home / "p.db"))

    text = f"{home / 'p.db'}: cannot be made in {home}"
    assert ("database", f"{home / 'p.db'}", None, ("database.unavailable", text)) in findings


def test_a_run_does_not_import_it():
    code = "import sys, pipeline_db; print('pipeline_db.diagnosis' in sys.modules, hasattr(pipeline_db, 'x'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False False\n" == done.stdout
