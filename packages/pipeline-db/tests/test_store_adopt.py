"""The tables of a team and ours in one SQLite file, or in one schema."""

import pytest
from peewee import IntegerField

from pipeline_db import BatchRecord, DatabaseError, PeeweeStore, examine_database
from pipeline_jobs import Finalized, JobB, OnDuplicate, Record, Source

A = Source("file:///a", "a")
ONE = [[Record(1, "x")]]
MARKS = "SELECT * FROM pragma_application_id, pragma_user_version, pragma_journal_mode"


class Row(BatchRecord):
    """A table of ours."""

    id = IntegerField()


@pytest.fixture(params=["DELETE", "WAL"])
def team(request, store, ask):
    """A store in a database with a team's table."""
    if store.path:
        ask(store, f"PRAGMA journal_mode = {request.param}")
        ask(store, "PRAGMA application_id = 77")
        ask(store, "PRAGMA user_version = 5")
    elif request.param == "WAL":
        pytest.skip("a journal mode is SQLite's")
    ask(store, "CREATE TABLE customers (id integer PRIMARY KEY)")
    ask(store, "INSERT INTO customers VALUES (7)")
    return store


def test_tables_of_a_team_are_not_used_without_being_asked(team, read_everything):
    before = read_everything(team)

    for act in (team.check, lambda: team.load(A, ONE, OnDuplicate.SKIP), team.batches):
        with pytest.raises(DatabaseError, match=r"or run: pipeline adopt$") as caught:
            act()
        assert "database.foreign" == caught.value.code

    assert before == read_everything(team)


@pytest.mark.parametrize("way", ["method", "argument"])
def test_an_adopted_database_is_used_and_stays_the_teams(team, ask, way):
    marks = team.path and ask(team, MARKS)
    if way == "method":
        team.adopt()
        team.adopt()  # again changes nothing
    else:
        adopting = PeeweeStore(team.place, adopt=True)
        adopting.check()
        adopting.load(Source("file:///b", "b"), ONE, OnDuplicate.SKIP)

    store = PeeweeStore(team.place)
    store.check()
    loaded = store.load(A, ONE, OnDuplicate.SKIP)
    assert Finalized(loaded.batch_id, 1) == store.finalize(loaded.batch_id)
    assert 1 == store.finalize(JobB(store.into(Row)).execute([{"id": 3}]).unwrap()).record_count

    assert [(7,)] == ask(store, "SELECT id FROM customers")
    assert [(3,)] == ask(store, "SELECT version FROM pipeline_schema")
    if store.path:
        assert marks == ask(store, MARKS)
        found = {finding.what: finding.found for finding in examine_database(store.path)}
        assert "version 3, current; adopted, so the journal stays as it is" == found["schema"]


def test_the_tables_of_a_team_may_come_later(store, ask):
    store.adopt()
    ask(store, "CREATE TABLE customers (id integer PRIMARY KEY)")
    if store.path:
        ask(store, "PRAGMA user_version = 5")

    PeeweeStore(store.place).check()
    assert 1 == PeeweeStore(store.place).load(A, ONE, OnDuplicate.SKIP).batch_id
    if store.path:
        assert [(0, 5)] == ask(store, "SELECT * FROM pragma_application_id, pragma_user_version")


def test_a_database_of_ours_stays_as_it_is(store, read_everything):
    store.load(A, ONE, OnDuplicate.SKIP)
    before = read_everything(store)

    store.adopt()

    assert before == read_everything(store)


def test_a_name_that_is_taken_is_an_error(team, ask):
    """Nothing is created then."""
    ask(team, "CREATE TABLE rejected_records (x integer)")

    with pytest.raises(DatabaseError, match=r"rejected_records.* already exists"):
        team.adopt()

    with pytest.raises(DatabaseError, match="program"):
        PeeweeStore(team.place).check()


def test_a_newer_release_is_noticed(team, ask):
    team.adopt()
    ask(team, "UPDATE pipeline_schema SET version = 99")

    with pytest.raises(DatabaseError) as caught:
        PeeweeStore(team.place).check()

    assert "database.newer" == caught.value.code
