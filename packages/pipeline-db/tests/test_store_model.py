"""Whatever is asked of it, a database answers as the store in memory does."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from peewee import SqliteDatabase

from pipeline_db import PeeweeStore, ProcessedRecord, ProcessingBatch
from pipeline_jobs import BatchError, OnDuplicate, Record, Source
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

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.store = PeeweeStore(Path(self.folder.name, "p.db"))
        self.memory = MemoryStore()

    def teardown(self):
        self.folder.cleanup()

    @rule(source=SOURCES, chunks=CHUNKS, on_duplicate=POLICIES)
    def load(self, source, chunks, on_duplicate):
        expected = answer(self.memory.load, source, numbered(chunks), on_duplicate)

        assert expected == answer(self.store.load, source, numbered(chunks), on_duplicate)

    @rule(source=SOURCES, chunks=CHUNKS, on_duplicate=POLICIES)
    def break_off(self, source, chunks, on_duplicate):
        for store in (self.memory, self.store):
            assert "broken" == answer(store.load, source, numbered(chunks, broken=True), on_duplicate)

    @rule(batch_id=st.integers(0, 5))
    def finalize(self, batch_id):
        assert answer(self.memory.finalize, batch_id) == answer(self.store.finalize, batch_id)

    @invariant()
    def keep_the_same(self):
        if not self.store.path.exists():
            assert self.memory.batches == {}
            return
        database = SqliteDatabase(str(self.store.path))
        with database.connection_context():
            if not database.get_tables():
                return
            batches = ProcessingBatch.select().execute(database)
            records = ProcessedRecord.select().order_by(ProcessedRecord.line_number).execute(database)
            kept = {batch.id: [] for batch in batches}
            for record in records:
                kept[record.batch_id].append(Record(record.line_number, record.content))
            finalized = {batch.id for batch in batches if batch.status == "finalized"}

        assert (self.memory.batches, self.memory.finalized) == (kept, finalized)


TestStoresAgree = StoresAgree.TestCase
TestStoresAgree.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
