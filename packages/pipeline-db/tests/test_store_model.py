"""For any sequence of calls, a database returns the same as the store in memory."""

from collections.abc import Callable
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
# Few values, so that duplicates are frequent.
CHUNKS = st.lists(st.lists(st.sampled_from(["", "x", "größe\u2028"]), max_size=2), max_size=2)
MEMORY = Path("/dev/shm")  # faster, if it exists
POLICIES = st.sampled_from(OnDuplicate)


class IteratorError(Exception):
    """An error of the iterator."""


def number_records(chunks, *, fail=False):
    number = 0
    for chunk in chunks:
        records = []
        for content in chunk:
            number += 1
            records.append(Record(number, content))
        yield records
    if fail:
        raise IteratorError


def get_result(call, *arguments):
    try:
        return call(*arguments)
    except BatchError as error:
        return error.code, error.batch_id
    except IteratorError:
        return "failed"


class StoresAgree(RuleBasedStateMachine):
    """Make the same calls to two stores."""

    create_store: Callable
    peewee_database: Callable
    has_consecutive_ids: bool

    def __init__(self):
        super().__init__()
        self.store = self.create_store()
        self.memory = MemoryStore()
        self.ids = {}

    @rule(source=SOURCES, chunks=CHUNKS, on_duplicate=POLICIES)
    def load(self, source, chunks, on_duplicate):
        expected = self.translate_ids(
            get_result(self.memory.load, source, number_records(chunks), on_duplicate)
        )
        loaded = get_result(self.store.load, source, number_records(chunks), on_duplicate)
        if (
            not self.has_consecutive_ids
            and isinstance(loaded, Loaded)
            and not (loaded.resumed or loaded.duplicate)
        ):
            self.ids[expected.batch_id] = loaded.batch_id
            expected = self.translate_ids(expected)

        assert expected == loaded

    def translate_ids(self, result):
        """Return a result of the store in memory with the ids of the database, which may have gaps."""
        match result:
            case Loaded() | Finalized():
                return result._replace(batch_id=self.ids.get(result.batch_id, result.batch_id))
            case (code, batch_id):
                return code, self.ids.get(batch_id, batch_id)
        return result

    @rule(source=SOURCES, chunks=CHUNKS, on_duplicate=POLICIES)
    def fail(self, source, chunks, on_duplicate):
        for store in (self.memory, self.store):
            assert "failed" == get_result(store.load, source, number_records(chunks, fail=True), on_duplicate)

    @rule(batch_id=st.integers(0, 5))
    def finalize(self, batch_id):
        expected = get_result(self.memory.finalize, batch_id)
        assume(expected != ("batch.not_found", batch_id) or self.has_consecutive_ids)

        assert self.translate_ids(expected) == get_result(
            self.store.finalize, self.ids.get(batch_id, batch_id)
        )

    @invariant()
    def check_contents(self):
        if self.store.path and not self.store.path.exists():
            assert self.memory.batches == {}
            return
        database = self.peewee_database(self.store)
        with database.connection_context():
            if not database.get_tables():
                return
            batches = ProcessingBatch.select().execute(database)
            records = ProcessedRecord.select().order_by(ProcessedRecord.line_number).execute(database)
            stored = {batch.id: [] for batch in batches}
            for record in records:
                stored[record.batch_id].append(Record(record.line_number, record.content))
            finalized = {batch.id for batch in batches if batch.status == "finalized"}

        batches = {self.ids.get(batch, batch): records for batch, records in self.memory.batches.items()}
        assert (batches, {self.ids.get(batch, batch) for batch in self.memory.finalized}) == (
            stored,
            finalized,
        )


def test_stores_agree(kind, request, peewee_database):
    """On PostgreSQL one schema is emptied each time, which is faster than to create a new one."""
    folders = []

    def create_file(_):
        folders.append(TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
        return PeeweeStore(Path(folders[-1].name, "p.db"))

    def empty_schema(_):
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
            "create_store": empty_schema if server else create_file,
            "has_consecutive_ids": not server,
            "peewee_database": staticmethod(peewee_database),
        },
    )
    examples = 20 if server else 50
    run_state_machine_as_test(
        agree, settings=settings(max_examples=examples, stateful_step_count=20, deadline=None)
    )
    for folder in folders:
        folder.cleanup()
