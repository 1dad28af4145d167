"""How a database is made, when it is not, and under which names."""

import os

import pytest

from pipeline_db import PeeweeStore
from pipeline_db.sqlite import create
from pipeline_jobs import BatchError, Finalized, Loaded, OnDuplicate, Record, Source

A = Source("file:///a", "a")


def test_checking_creates_nothing(store, files):
    """A database that is not there yet is fine, in folders that are not there yet too."""
    store.check()
    PeeweeStore(store.path.parent / "not" / "yet" / "p.db").check()

    assert {} == files(store.path.parent)


def test_checking_changes_nothing(store, files):
    store.load(A, [[Record(1, "x")]], OnDuplicate.SKIP)
    before = files(store.path.parent)

    store.check()

    assert before == files(store.path.parent)


def test_an_empty_file_is_a_new_database(store):
    """As `touch` and `tempfile` leave it."""
    store.path.touch()

    store.check()

    assert Loaded(1, 0) == store.load(A, [], OnDuplicate.SKIP)


def test_a_database_and_its_folder_are_made(tmp_path):
    """The file is for its owner alone, whatever the umask allows to others."""
    path = tmp_path / "not" / "yet" / "p.db"
    before = os.umask(0)
    try:
        PeeweeStore(path).load(A, [], OnDuplicate.SKIP)
    finally:
        os.umask(before)

    assert 0o100600 == path.stat().st_mode


def test_a_database_that_is_there_keeps_its_mode(store):
    store.load(A, [], OnDuplicate.SKIP)
    store.path.chmod(0o640)

    create(store.path)
    store.load(A, [[Record(1, "x")]], OnDuplicate.SKIP)

    assert 0o100640 == store.path.stat().st_mode


def test_a_link_leads_to_the_database(tmp_path, ask):
    """One that leads to where nothing is yet too."""
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
def test_any_name_is_that_of_a_file(tmp_path, monkeypatch, name):
    """To SQLite some of them would be a URI, or a database in memory that is lost."""
    monkeypatch.chdir(tmp_path)
    store = PeeweeStore(name)
    store.check()

    store.load(A, [[Record(1, "x")]], OnDuplicate.SKIP)

    assert Finalized(1, 1) == PeeweeStore(name).finalize(1)
    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_nothing_is_made_to_look_for_a_batch(store, files):
    with pytest.raises(BatchError) as caught:
        store.finalize(1)

    assert ("batch.not_found", f"no batch with id 1 in {store.path}") == (
        caught.value.code,
        str(caught.value),
    )
    assert {} == files(store.path.parent)
