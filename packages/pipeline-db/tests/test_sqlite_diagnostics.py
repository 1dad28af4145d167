"""Diagnostics of the place of a database file and of its durability, which change nothing."""

import os
from functools import partial

import pytest

from pipeline_db import examine_database
from pipeline_db.sqlite import diagnostics, journal
from pipeline_db.sqlite.backend import create_file
from pipeline_jobs import OnDuplicate, Source

BROKEN, FIXED = (3, 40, 1), (3, 51, 3)
REMOTE = "locks may not work on a file system that is not local; keep the database on a local disk"


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """Set the type of file system and the release of SQLite that are found."""

    def set_environment(kind="ext4", version=BROKEN):
        device = tmp_path.stat().st_dev
        mounts = tmp_path / "mountinfo"
        mounts.write_text(f"22 1 {os.major(device)}:{os.minor(device)} / / rw - {kind} /dev/x rw\n")
        monkeypatch.setattr(journal, "_MOUNTS", mounts)
        monkeypatch.setattr(diagnostics, "_VERSION", version)
        monkeypatch.setattr(diagnostics.DRIVER, "sqlite_version", ".".join(map(str, version)))

    set_environment()
    return set_environment


def to_values(findings):
    """Return findings as plain values, as two equal errors do not compare as equal."""
    return [
        (each.what, each.found, each.hint, each.error and (each.error.code, str(each.error)))
        for each in findings
    ]


BUG = ("SQLite", "3.40.1, has the WAL-reset bug, so WAL is not used", None, None)
LOCAL = ("file system", "ext4, local", None, None)
ROLLBACK = ("journal", "DELETE, synchronous EXTRA", None, None)


def test_a_sound_database(store):
    store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)
    store.finalize(1)

    assert [
        BUG,
        ("database", f"{store.path}, {store.path.stat().st_size:,} bytes", None, None),
        LOCAL,
        ROLLBACK,
        ("file mode", "0600, accessible to its owner only", None, None),
        ("schema", "version 3, current", None, None),
        ("integrity", "no damage found, and every record has its batch", None, None),
        ("batches", "1 finalized, none unfinished", None, None),
    ] == to_values(examine_database(store.path))


@pytest.mark.parametrize("name", ["p.db", "far/below/p.db"])
def test_a_missing_database_is_not_created(tmp_path, name):
    path = tmp_path / name

    missing = ("database", f"{path}: none yet, created by the first load", None, None)
    assert [BUG, missing, LOCAL, ROLLBACK] == to_values(examine_database(path))
    assert not (tmp_path / name.partition("/")[0]).exists()


@pytest.mark.parametrize(
    ("make", "code", "text"),
    [
        (lambda path: path.mkdir(), "database.not_a_file", "is a folder; name a file with --db-path"),
        (os.mkfifo, "database.not_a_file", "is not a regular file; name a file with --db-path"),
        (
            partial(os.symlink, "p.db"),
            "database.unavailable",
            "Too many levels of symbolic links",
        ),
        (
            lambda path: path.write_text("no database"),
            "database.not_a_database",
            "is not a SQLite database; name another file with --db-path (file is not a database)",
        ),
    ],
    ids=["a folder", "a FIFO", "a loop", "a text"],
)
def test_an_unusable_file_is_an_error(tmp_path, make, code, text):
    path = tmp_path / "p.db"
    make(path)

    assert [BUG, ("database", f"{path}", None, (code, f"{path}: {text}"))] == to_values(
        examine_database(path)
    )


@pytest.mark.parametrize("name", ["p.db\0", 256 * "x"], ids=["NUL", "long"])
def test_an_invalid_file_name_is_an_error(tmp_path, name):
    assert ["database.unavailable"] == [
        each.error.code for each in examine_database(tmp_path / name) if each.error
    ]


def test_the_journal_depends_on_the_release_and_the_file_system(tmp_path, environment, ask):
    path = tmp_path / "p.db"
    create_file(path)
    ask(path, "PRAGMA journal_mode = WAL")
    environment("ext4", FIXED)

    library, _, kind, chosen = to_values(examine_database(path))[:4]

    assert ("SQLite", "3.51.3, has the WAL-reset fix", None, None) == library
    assert [LOCAL, ("journal", "WAL, synchronous FULL", None, None)] == [kind, chosen]
    environment("nfs4", FIXED)
    _, _, kind, chosen = to_values(examine_database(path))[:4]
    assert ("file system", "nfs4, not known to be local", REMOTE, None) == kind
    found = "DELETE, synchronous EXTRA; the file is in WAL mode until the next load or finalize"
    assert ("journal", found, None, None) == chosen


def test_an_unknown_file_system_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_MOUNTS", tmp_path / "missing")

    found = to_values(examine_database(tmp_path / "p.db"))[2]

    assert ("file system", "unknown, not known to be local", REMOTE, None) == found


@pytest.mark.parametrize("mode", [0o640, 0o602, 0o755])
def test_a_file_that_other_users_can_access_has_a_hint(store, mode):
    create_file(store.path)
    store.path.chmod(mode)

    hint = "other users can access it; chmod 600 restricts it to its owner"
    assert ("file mode", f"{mode:04o}", hint, None) in to_values(examine_database(store.path))


@pytest.mark.parametrize(
    ("mode", "folder", "errors"),
    [
        (0o400, 0o700, ["database.read_only"]),
        (0o600, 0o500, ["database.read_only"]),
        (0o200, 0o700, ["database.denied", "database.io"]),
        (0o600, 0o000, ["database.unavailable"]),
    ],
)
def test_missing_permissions_are_an_error(home, unprivileged, mode, folder, errors):
    """The contents are examined if they can be read."""
    path = home / "p.db"
    with unprivileged():
        create_file(path)
    path.chmod(mode)
    home.chmod(folder)
    with unprivileged():
        findings = examine_database(path)

    assert errors == [each.error.code for each in findings if each.error]
    assert ("database.read_only" in errors) == ("integrity" in [each.what for each in findings])


def test_a_folder_without_write_permission_is_an_error(home, unprivileged):
    home.chmod(0o500)
    with unprivileged():
        findings = to_values(examine_database(home / "p.db"))

    text = f"{home / 'p.db'}: cannot be created in {home}"
    assert ("database", f"{home / 'p.db'}", None, ("database.unavailable", text)) in findings
