"""What a person may do to a database by the modes of files."""

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source

A = Source("file:///a", "a")


@pytest.fixture
def store(home, unprivileged):
    """A store of somebody whom modes bind, with a batch in it."""
    store = PeeweeStore(home / "p.db")
    with unprivileged():
        store.load(A, [], OnDuplicate.SKIP)
    return store


def refusals(store, unprivileged):
    """Return what `check` and `load` are refused with."""
    refused = []
    for call in (store.check, lambda: store.load(A, [[Record(1, "x")]], OnDuplicate.SKIP)):
        with unprivileged(), pytest.raises(DatabaseError) as caught:
            call()
        refused.append((caught.value.code, str(caught.value).removeprefix(f"{store.path}: ")))
    return refused


def test_a_file_that_cannot_be_written_is_refused(store, unprivileged):
    store.path.chmod(0o400)

    assert [
        ("database.read_only", "cannot be written; name another with --db-path"),
        ("database.read_only", "it is read-only (attempt to write a readonly database)"),
    ] == refusals(store, unprivileged)


def test_a_file_that_cannot_be_read_is_refused(store, unprivileged):
    store.path.chmod(0o200)
    text = "it cannot be opened (unable to open database file)"

    assert [("database.unavailable", text)] * 2 == refusals(store, unprivileged)


def test_a_file_in_a_folder_without_room_for_its_journal_is_refused(store, unprivileged):
    """SQLite keeps the journal beside the file."""
    store.path.parent.chmod(0o500)

    assert [
        ("database.read_only", "cannot be written; name another with --db-path"),
        ("database.read_only", "it is read-only (attempt to write a readonly database)"),
    ] == refusals(store, unprivileged)


def test_a_folder_in_which_nothing_can_be_made_is_refused(home, unprivileged):
    home.chmod(0o500)

    assert [
        ("database.unavailable", f"cannot be made in {home}"),
        ("database.unavailable", "cannot be made: Permission denied"),
    ] == refusals(PeeweeStore(home / "p.db"), unprivileged)


def test_a_folder_that_cannot_be_entered_is_refused(store, unprivileged):
    store.path.parent.chmod(0o000)

    assert [("database.unavailable", "Permission denied")] * 2 == refusals(store, unprivileged)
