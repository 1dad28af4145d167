"""A database that is removed or replaced underneath is noticed: nothing is said to be done that is lost."""

import shutil

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_db.sqlite import Connection
from pipeline_jobs import Finalized, Loaded, OnDuplicate, Record, Source

A, B = Source("file:///a", "a"), Source("file:///b", "b")
ONE = [[Record(1, "x")]]


@pytest.fixture
def store(store):
    """A store with a batch in it."""
    store.load(A, ONE, OnDuplicate.SKIP)
    return store


def removed(path):
    path.unlink()


def replaced_by_a_copy(path):
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def replaced_by_another(path):
    PeeweeStore(path.with_name("another")).load(Source("file:///c", "c"), ONE, OnDuplicate.SKIP)
    path.with_name("another").replace(path)


def moved(path):
    path.rename(path.with_name("moved"))


HOW = [removed, replaced_by_a_copy, replaced_by_another, moved]


def message(path):
    text = f"{path}: was removed or replaced while it was in use; nothing is kept in it"
    return "database.replaced", f"{text}, run the same command again"


@pytest.mark.parametrize("act", HOW)
def test_a_load_into_a_file_that_is_gone_fails(store, ask, act):
    """SQLite itself would write to the file that nobody can find, and call that a success."""

    def chunks():
        yield from [ONE[0], [Record(2, "y")]]
        act(store.path)
        yield [Record(3, "z")]

    with pytest.raises(DatabaseError) as caught:
        store.load(B, chunks(), OnDuplicate.SKIP)

    assert message(store.path) == (caught.value.code, str(caught.value))
    if store.path.exists():
        assert [("ok",)] == ask(store.path, "PRAGMA integrity_check")
        assert [(1,)] == ask(store.path, "SELECT count(*) FROM processing_batches")
    assert store.load(B, ONE, OnDuplicate.SKIP).record_count == 1


@pytest.mark.parametrize("act", HOW)
def test_a_commit_into_a_file_that_is_gone_fails(store, act):
    """However late it is taken away."""

    def at_commit(statement):
        if statement == "COMMIT":
            act(store.path)

    with (
        Connection(store.path, 1) as connection,
        pytest.raises(DatabaseError) as caught,
        connection.writing(),
    ):
        connection.driver.set_trace_callback(at_commit)

    assert message(store.path) == (caught.value.code, str(caught.value))


def test_a_link_may_lead_to_another_file_later(store, tmp_path):
    """What counts is the file that the path leads to, not the path."""
    link = tmp_path / "link.db"
    link.symlink_to(store.path)

    assert Loaded(2, 1) == PeeweeStore(link).load(B, ONE, OnDuplicate.SKIP)
    assert Finalized(2, 1) == store.finalize(2)
