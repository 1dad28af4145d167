"""Writers that take turns: none of them sees another's lock, however long that is held."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from pipeline_db import DatabaseError, PeeweeStore, Turns
from pipeline_jobs import OnDuplicate, Record, Source

WRITER = """
import sys, time
from pathlib import Path
from pipeline_db import PeeweeStore, Turns
from pipeline_jobs import OnDuplicate, Record, Source

number = sys.argv[1]

def slow():
    for line in range(1, 6):
        time.sleep(0.05)
        yield [Record(line, number)]

store = PeeweeStore("p.db", busy_timeout=0, turns=Turns(Path("turns")))
store.check()
store.finalize(store.load(Source(f"file:///{number}", number), slow(), OnDuplicate.SKIP).batch_id)
"""
HOLDER = """
import sys, time
from pathlib import Path
from pipeline_db import Turns

with Turns(Path("turns")).taken():
    print("taken", flush=True)
    time.sleep(60)
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


def test_threads_take_turns_too(tmp_path):
    turns = Turns(tmp_path / "turns")
    at_once, most = 0, 0

    def take():
        nonlocal at_once, most
        with turns.taken():
            at_once += 1
            most = max(most, at_once)
            time.sleep(0.01)
            at_once -= 1

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == most


def test_the_turn_of_a_killed_process_ends(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER], cwd=tmp_path, stdout=subprocess.PIPE) as holder:
        assert b"taken\n" == holder.stdout.readline()
        holder.kill()

    with Turns(tmp_path / "turns").taken():
        pass


def test_a_wait_lets_signals_through(tmp_path):
    """Ctrl-C ends a run that waits for its turn."""
    turns = Turns(tmp_path / "turns")

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with turns.taken():
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt), turns.taken():
                pytest.fail("taken twice")
    finally:
        signal.signal(signal.SIGALRM, before)


def test_turns_that_cannot_be_taken_are_an_error_of_the_database(tmp_path):
    path = tmp_path / "missing/turns"
    with pytest.raises(DatabaseError, match=r"cannot be made: No such file or directory$") as caught:
        PeeweeStore(tmp_path / "p.db", turns=Turns(path)).check()

    assert "database.unavailable" == caught.value.code


def source(name):
    return Source(f"file:///{name}", name), [[Record(1, name)]]
