"""Writers that take turns: none of them sees another's lock, however long that is held."""

import subprocess
import sys

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source

WRITER = """
import sys, time
from pathlib import Path
from pipeline_db import PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source

number = sys.argv[1]

def slow():
    for line in range(1, 6):
        time.sleep(0.05)
        yield [Record(line, number)]

store = PeeweeStore("p.db", busy_timeout=0, turns=Path("turns"))
store.check()
store.finalize(store.load(Source(f"file:///{number}", number), slow(), OnDuplicate.SKIP).batch_id)
"""


def test_writers_that_take_turns_are_never_told_of_a_lock(tmp_path):
    """With no patience at all for one: a long load counts against nobody's timeout."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(number)], cwd=tmp_path, stderr=subprocess.PIPE)
        for number in range(8)
    ]

    assert [(0, b"")] * 8 == [
        (writer.returncode, said) for writer in writers for said in [writer.communicate()[1]]
    ]
    assert 8 == PeeweeStore(tmp_path / "p.db").load(*source("9"), OnDuplicate.SKIP).batch_id - 1


def test_turns_that_cannot_be_taken_are_an_error_of_the_database(tmp_path):
    path = tmp_path / "missing/turns"
    with pytest.raises(DatabaseError, match=r"cannot be made: No such file or directory$") as caught:
        PeeweeStore(tmp_path / "p.db", turns=path).check()

    assert "database.unavailable" == caught.value.code


def source(name):
    return Source(f"file:///{name}", name), [[Record(1, name)]]
