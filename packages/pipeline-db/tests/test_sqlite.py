"""Which files can be no database, and what is said of them."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline_db import CorruptError, DatabaseError, PeeweeStore
from pipeline_db.schema import APPLICATION_ID, STEPS
from pipeline_jobs import OnDuplicate, Record, Source

A = Source("file:///a", "a")
CALLS = (
    lambda store: store.check(),
    lambda store: store.load(A, [[Record(1, "x")]], OnDuplicate.SKIP),
    lambda store: store.finalize(1),
)


def made_by(*statements):
    """Return what makes a database with other means than ours."""

    def make(path):
        with closing(sqlite3.connect(path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return make


NO_DATABASE = "it is no SQLite database; name another with --db-path (file is not a database)"


@pytest.mark.parametrize(
    ("make", "code", "text"),
    [
        (Path.mkdir, "database.not_a_file", "is a folder; name a file with --db-path"),
        (os.mkfifo, "database.not_a_file", "is no regular file; name a file with --db-path"),
        (
            lambda path: path.symlink_to("/dev/null"),
            "database.not_a_file",
            "is no regular file; name a file with --db-path",
        ),
        (
            lambda path: path.symlink_to(path.name),
            "database.unavailable",
            "Too many levels of symbolic links",
        ),
        (lambda path: path.write_text("h"), "database.not_a_database", NO_DATABASE),
        (lambda path: path.write_text("hello\n"), "database.not_a_database", NO_DATABASE),
        (lambda path: path.write_text("hello\n" * 1000), "database.not_a_database", NO_DATABASE),
        (
            made_by("CREATE TABLE t (x)"),
            "database.foreign",
            "a database of another program; name another file with --db-path",
        ),
        (
            made_by(f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 77"),
            "database.newer",
            f"has schema version 77, this program knows {len(STEPS)}; upgrade pipeline-db",
        ),
    ],
)
def test_what_cannot_be_a_database_is_refused_and_left_alone(tmp_path, files, make, code, text):
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
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    for call in CALLS:
        with pytest.raises(DatabaseError) as caught:
            call(PeeweeStore(tmp_path / name))

        assert caught.value.code == "database.unavailable"
        assert str(caught.value).isprintable()


def test_a_place_where_no_file_can_be_made_is_refused(tmp_path):
    """Before anything is written, where the file system tells."""
    path = tmp_path / "file" / "more" / "p.db"
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseError) as checked:
        PeeweeStore(path).check()
    with pytest.raises(DatabaseError) as loaded:
        PeeweeStore(path).load(A, [], OnDuplicate.SKIP)

    assert ("database.unavailable", f"{path}: cannot be made in {tmp_path}/file") == (
        checked.value.code,
        str(checked.value),
    )
    assert ("database.unavailable", f"{path}: cannot be made: Not a directory") == (
        loaded.value.code,
        str(loaded.value),
    )


def test_a_place_that_refuses_files_without_saying_so_is_refused_at_last():
    with pytest.raises(DatabaseError) as caught:
        PeeweeStore("/proc/none/p.db").load(A, [], OnDuplicate.SKIP)

    assert ("database.unavailable", "/proc/none/p.db: cannot be made: No such file or directory") == (
        caught.value.code,
        str(caught.value),
    )


def overwrite(path):
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


@pytest.mark.parametrize("damage", [overwrite, lambda path: os.truncate(path, 4096)])
def test_a_damaged_database_is_reported_as_such(store, damage):
    store.load(A, [[Record(n, "x" * 100) for n in range(1, 1000)]], OnDuplicate.SKIP)
    damage(store.path)

    for call in CALLS[1:]:
        with pytest.raises(CorruptError) as caught:
            call(store)

        text = f"{store.path}: is damaged (database disk image is malformed); restore a backup"
        assert ("corrupt.database", text) == (caught.value.code, str(caught.value))
