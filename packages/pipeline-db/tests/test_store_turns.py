"""Writers that queue on a lock file never see each other's database locks."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source

WRITERS = 4


def write(folder, number):
    """Load a batch slowly and finalize it, with a timeout of 0 for locks."""

    def chunks():
        for line in range(1, 6):
            time.sleep(0.01)
            yield [Record(line, f"{number}")]

    store = PeeweeStore(folder / "p.db", busy_timeout=0, write_lock=folder / "write.lock")
    store.check()
    return store.finalize(
        store.load(Source(f"file:///{number}", f"{number}"), chunks(), OnDuplicate.SKIP).batch_id
    )


def test_writers_that_queue_never_see_a_lock(tmp_path):
    """A long load does not count against the timeout of others."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(WRITERS)
    with ProcessPoolExecutor(WRITERS, mp_context=context, initializer=barrier.wait) as pool:
        writing = [pool.submit(write, tmp_path, number) for number in range(2 * WRITERS)]
        finalized = [each.result() for each in writing]

    assert list(range(1, 2 * WRITERS + 1)) == sorted(each.batch_id for each in finalized)
    assert {5} == {each.record_count for each in finalized}


def test_a_lock_file_that_cannot_be_created_is_an_error(tmp_path):
    text = r"^cannot create the lock file .*: No such file or directory$"
    with pytest.raises(DatabaseError, match=text) as caught:
        PeeweeStore(tmp_path / "p.db", write_lock=tmp_path / "missing/write.lock").check()

    assert "database.unavailable" == caught.value.code
