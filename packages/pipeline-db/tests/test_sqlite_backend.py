"""Files that can or cannot be used as a database: how they are checked, created and opened."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_db import CorruptError, DatabaseError, PeeweeStore
from pipeline_db.sqlite.backend import create_file
from pipeline_db.sqlite.migrations import APPLICATION_ID, STEPS
from pipeline_jobs import BatchError, Finalized, Loaded, OnDuplicate, Record, Source

A = Source("file:///a", "a")
ONE = [[Record(1, "x")]]
CALLS = (
    lambda store: store.check(),
    lambda store: store.load(A, ONE, OnDuplicate.SKIP),
    lambda store: store.finalize(1),
)
NOT_A_DATABASE = "is not a SQLite database; name another file with --db-path (file is not a database)"


def execute_in(*statements):
    """Return a function that creates a database without this package."""

    def make(path):
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return make


@pytest.mark.parametrize(
    ("make", "code", "text"),
    [
        (Path.mkdir, "database.not_a_file", "is a folder; name a file with --db-path"),
        (os.mkfifo, "database.not_a_file", "is not a regular file; name a file with --db-path"),
        (
            lambda path: path.symlink_to("/dev/null"),
            "database.not_a_file",
            "is not a regular file; name a file with --db-path",
        ),
        (
            lambda path: path.symlink_to(path.name),
            "database.unavailable",
            "Too many levels of symbolic links",
        ),
        (lambda path: path.write_text("h"), "database.not_a_database", NOT_A_DATABASE),
        (lambda path: path.write_text("hello\n"), "database.not_a_database", NOT_A_DATABASE),
        (lambda path: path.write_text("hello\n" * 1000), "database.not_a_database", NOT_A_DATABASE),
        (
            execute_in("CREATE TABLE t (x)"),
            "database.foreign",
            "belongs to another program; name another file with --db-path, or run: pipeline adopt",
        ),
        (
            execute_in(f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 77"),
            "database.newer",
            f"has schema version 77, this program supports {len(STEPS)}; upgrade pipeline-db",
        ),
    ],
)
def test_an_unusable_file_is_rejected_and_left_unchanged(tmp_path, files, make, code, text):
    path = tmp_path / "p.db"
    make(path)
    before = files(tmp_path)

    for call in CALLS:
        with pytest.raises(DatabaseError) as caught:
            call(PeeweeStore(path))

        assert (code, f"{path}: {text}", False) == (
            caught.value.code,
            str(caught.value),
            caught.value.retriable,
        )
        assert before == files(tmp_path)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 256])
def test_an_invalid_file_name_is_rejected(tmp_path, name):
    for call in CALLS:
        with pytest.raises(DatabaseError) as caught:
            call(PeeweeStore(tmp_path / name))

        assert caught.value.code == "database.unavailable"
        assert str(caught.value).isprintable()


def test_a_folder_that_cannot_be_created_is_rejected(tmp_path):
    """By the check, before anything is written."""
    path = tmp_path / "file" / "more" / "p.db"
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseError) as checked:
        PeeweeStore(path).check()
    with pytest.raises(DatabaseError) as loaded:
        PeeweeStore(path).load(A, [], OnDuplicate.SKIP)

    assert ("database.unavailable", f"{path}: cannot be created in {tmp_path}/file") == (
        checked.value.code,
        str(checked.value),
    )
    assert ("database.unavailable", f"{path}: cannot be created: Not a directory") == (
        loaded.value.code,
        str(loaded.value),
    )


def test_the_load_reports_a_folder_whose_file_system_allows_no_files():
    """The mode of `/proc` does not show that; only the attempt does."""
    with pytest.raises(DatabaseError) as caught:
        PeeweeStore("/proc/none/p.db").load(A, [], OnDuplicate.SKIP)

    assert ("database.unavailable", "/proc/none/p.db: cannot be created: No such file or directory") == (
        caught.value.code,
        str(caught.value),
    )


def overwrite(path):
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


@pytest.mark.parametrize("damage", [overwrite, lambda path: os.truncate(path, 4096)])
def test_a_damaged_database_is_reported(store, damage):
    store.load(A, [[Record(n, "x" * 100) for n in range(1, 1000)]], OnDuplicate.SKIP)
    damage(store.path)

    for call in CALLS[1:]:
        with pytest.raises(CorruptError) as caught:
            call(store)

        text = f"{store.path}: is damaged (database disk image is malformed); restore a backup"
        assert ("corrupt.database", text) == (caught.value.code, str(caught.value))


def test_check_creates_nothing(store, files):
    """A missing database is fine, also in a missing folder."""
    store.check()
    PeeweeStore(store.path.parent / "not" / "yet" / "p.db").check()

    assert {} == files(store.path.parent)


def test_check_changes_nothing(store, files):
    store.load(A, ONE, OnDuplicate.SKIP)
    before = files(store.path.parent)

    store.check()

    assert before == files(store.path.parent)


def test_finalize_creates_no_database(store, files):
    with pytest.raises(BatchError) as caught:
        store.finalize(1)

    assert ("batch.not_found", f"no batch with id 1 in {store.path}") == (
        caught.value.code,
        str(caught.value),
    )
    assert {} == files(store.path.parent)


def test_an_empty_file_is_a_new_database(store):
    """Such as `touch` and `tempfile` create it."""
    store.path.touch()

    store.check()

    assert Loaded(1, 0) == store.load(A, [], OnDuplicate.SKIP)


def test_load_creates_the_database_and_its_folder(tmp_path):
    """Only the owner can use the file, whatever the umask is."""
    path = tmp_path / "not" / "yet" / "p.db"
    before = os.umask(0)
    try:
        PeeweeStore(path).load(A, [], OnDuplicate.SKIP)
    finally:
        os.umask(before)

    assert 0o100600 == path.stat().st_mode


def test_an_existing_database_keeps_its_mode(store):
    store.load(A, [], OnDuplicate.SKIP)
    store.path.chmod(0o640)

    create_file(store.path)
    store.load(A, ONE, OnDuplicate.SKIP)

    assert 0o100640 == store.path.stat().st_mode


def test_a_link_leads_to_the_database(tmp_path):
    """Also if its target does not exist yet."""
    (tmp_path / "link").symlink_to("p.db")

    loaded = PeeweeStore(tmp_path / "link").load(A, [], OnDuplicate.SKIP)

    assert Finalized(loaded.batch_id, 0) == PeeweeStore(tmp_path / "p.db").finalize(loaded.batch_id)
    assert 0o100600 == (tmp_path / "p.db").stat().st_mode
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize(
    "name",
    [
        "with space.db",
        "it's.db",
        'a "quoted" one.db',
        "line\nbreak.db",
        os.fsdecode(b"\xff\xfe.db"),
        "what?.db",
        "a#b.db",
        "100%25.db",
        "größe.db",
        "-option.db",
        ":memory:",
        "file:x?mode=memory",
        "file::memory:?cache=shared",
        "x" * 240,
    ],
)
def test_any_name_is_the_name_of_a_file(tmp_path, monkeypatch, name):
    """For SQLite some of them are URIs, or databases in memory, whose contents are lost."""
    monkeypatch.chdir(tmp_path)
    store = PeeweeStore(name)
    store.check()

    store.load(A, ONE, OnDuplicate.SKIP)

    assert Finalized(1, 1) == PeeweeStore(name).finalize(1)
    assert [name] == [path.name for path in tmp_path.iterdir()]


@pytest.fixture
def user_store(home, unprivileged):
    """A store of a user whom file modes restrict, with a batch in it."""
    store = PeeweeStore(home / "p.db")
    with unprivileged():
        store.load(A, [], OnDuplicate.SKIP)
    return store


def collect_errors(store, unprivileged):
    """Return the errors of `check` and `load`."""
    errors = []
    for call in (store.check, lambda: store.load(A, ONE, OnDuplicate.SKIP)):
        with unprivileged(), pytest.raises(DatabaseError) as caught:
            call()
        errors.append((caught.value.code, str(caught.value).removeprefix(f"{store.path}: ")))
    return errors


def test_a_file_without_write_permission_is_rejected(user_store, unprivileged):
    user_store.path.chmod(0o400)

    assert [
        ("database.read_only", "cannot be written; name another file with --db-path"),
        ("database.read_only", "it is read-only (attempt to write a readonly database)"),
    ] == collect_errors(user_store, unprivileged)


def test_a_file_without_read_permission_is_rejected(user_store, unprivileged):
    user_store.path.chmod(0o200)

    assert [
        ("database.denied", "cannot be read by this user; name another file with --db-path"),
        ("database.unavailable", "it cannot be opened (unable to open database file)"),
    ] == collect_errors(user_store, unprivileged)


def test_a_folder_that_cannot_hold_the_journal_is_rejected(user_store, unprivileged):
    """SQLite keeps the journal beside the file."""
    user_store.path.parent.chmod(0o500)

    assert [
        ("database.read_only", "cannot be written; name another file with --db-path"),
        ("database.read_only", "it is read-only (attempt to write a readonly database)"),
    ] == collect_errors(user_store, unprivileged)


def test_a_folder_without_write_permission_is_rejected(home, unprivileged):
    home.chmod(0o500)

    assert [
        ("database.unavailable", f"cannot be created in {home}"),
        ("database.unavailable", "cannot be created: Permission denied"),
    ] == collect_errors(PeeweeStore(home / "p.db"), unprivileged)


def test_a_folder_that_cannot_be_entered_is_rejected(user_store, unprivileged):
    user_store.path.parent.chmod(0o000)

    assert [("database.unavailable", "Permission denied")] * 2 == collect_errors(user_store, unprivileged)
