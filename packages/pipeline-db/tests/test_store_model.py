"""Whatever is asked of it, a database answers as the store in memory does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipeline_db import PeeweeStore, ProcessedRecord, ProcessingBatch
from pipeline_jobs import BatchError, Finalized, Loaded, OnDuplicate, Record, Source
from pipeline_jobs.testing import MemoryStore

SOURCES = st.sampled_from([Source("file:///a", "a"), Source("file:///b", "b"), Source("memory:", "memory")])
# Few enough for batches to be the same ones often.
CHUNKS = st.lists(st.lists(st.sampled_from(["", "x", "größe\u2028"]), max_size=2), max_size=2)
MEMORY = Path("/dev/shm")  # faster, where there is one
POLICIES = st.sampled_from(OnDuplicate)


class BrokenOffError(Exception):
    """The records end in an error."""


def numbered(chunks, *, broken=False):
    number = 0
    for chunk in chunks:
        records = []
        for content in chunk:
            number += 1
            records.append(Record(number, content))
        yield records
    if broken:
        raise BrokenOffError


def answer(call, *arguments):
    try:
        return call(*arguments)
    except BatchError as error:
        return error.code, error.batch_id
    except BrokenOffError:
        return "broken"


class StoresAgree(RuleBasedStateMachine):
    """Two stores are asked the same."""

    new: Callable
    peewee_of: Callable
    in_a_row: bool

    def __init__(self):
        super().__init__()
        self.store = self.new()
        self.memory = MemoryStore()
        self.ids = {}

    @rule(source=SOURCES, chunks=CHUNKS, on_duplicate=POLICIES)
    def load(self, source, chunks, on_duplicate):
        expected = self.known(answer(self.memory.load, source, numbered(chunks), on_duplicate))
        loaded = answer(self.store.load, source, numbered(chunks), on_duplicate)
        if not self.in_a_row and isinstance(loaded, Loaded) and not (loaded.resumed or loaded.duplicate):
            self.ids[expected.batch_id] = loaded.batch_id
            expected = self.known(expected)

        assert expected == loaded

    def known(self, found):
        """Return an answer of the memory as the database gives it, whose ids may have gaps."""
        match found:
            case Loaded() | Finalized():
                return replace(found, batch_id=self.ids.get(found.batch_id, found.batch_id))
            case (code, batch_id):
                return code, self.ids.get(batch_id, batch_id)
        return found

    @rule(source=SOURCES, chunks=CHUNKS, on_duplicate=POLICIES)
    def break_off(self, source, chunks, on_duplicate):
        for store in (self.memory, self.store):
            assert "broken" == answer(store.load, source, numbered(chunks, broken=True), on_duplicate)

    @rule(batch_id=st.integers(0, 5))
    def finalize(self, batch_id):
        expected = answer(self.memory.finalize, batch_id)
        assume(expected != ("batch.not_found", batch_id) or self.in_a_row)

        assert self.known(expected) == answer(self.store.finalize, self.ids.get(batch_id, batch_id))

    @invariant()
    def keep_the_same(self):
        if self.store.path and not self.store.path.exists():
            assert self.memory.batches == {}
            return
        database = self.peewee_of(self.store)
        with database.connection_context():
            if not database.get_tables():
                return
            batches = ProcessingBatch.select().execute(database)
            records = ProcessedRecord.select().order_by(ProcessedRecord.line_number).execute(database)
            kept = {batch.id: [] for batch in batches}
            for record in records:
                kept[record.batch_id].append(Record(record.line_number, record.content))
            finalized = {batch.id for batch in batches if batch.status == "finalized"}

        batches = {self.ids.get(batch, batch): records for batch, records in self.memory.batches.items()}
        assert (batches, {self.ids.get(batch, batch) for batch in self.memory.finalized}) == (kept, finalized)


def test_stores_agree(kind, request, peewee_of):
    """On PostgreSQL in one schema that is emptied each time: what is there then is as good as new."""
    folders = []

    def new_file(_):
        folders.append(TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
        return PeeweeStore(Path(folders[-1].name, "p.db"))

    def emptied(_):
        with psycopg.connect(server.place.with_password, autocommit=True) as connection:
            connection.execute(
                "DROP TABLE IF EXISTS pipeline_schema, processing_batches, processed_records CASCADE"
            )
        return server

    server = request.getfixturevalue("postgres_store") if kind == "postgres" else None
    agree = type(
        "Agree",
        (StoresAgree,),
        {
            "new": emptied if server else new_file,
            "in_a_row": not server,
            "peewee_of": staticmethod(peewee_of),
        },
    )
    examples = 20 if server else 50
    run_state_machine_as_test(
        agree, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None)
    )
    for folder in folders:
        folder.cleanup()
