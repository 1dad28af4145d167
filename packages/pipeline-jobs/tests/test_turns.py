"""Slots are held by so many at a time, over threads and processes, and end with whoever holds them."""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from pipeline_jobs import slots

# Holds a slot in each of several threads, and prints from when to when.
WORK = """
import json, sys, threading, time
from pathlib import Path
from pipeline_jobs import slots

def work():
    with slots(Path("turns"), int(sys.argv[1])):
        start = time.monotonic()
        print("held", flush=True)
        time.sleep(float(sys.argv[3]))
        spans.append((start, time.monotonic()))

spans = []
threads = [threading.Thread(target=work) for _ in range(int(sys.argv[2]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(spans))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def worker(limit, threads, seconds):
    """Start a process of so many threads that each hold a slot for so long."""
    arguments = map(str, (limit, threads, seconds))
    return subprocess.Popen([sys.executable, "-c", WORK, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_so_many_threads_and_processes_go_on_at_a_time(folder, limit):
    workers = [worker(limit, 3, 0.1) for _ in range(3)]
    spans = [span for each in workers for span in json.loads(each.communicate()[0].splitlines()[-1])]

    assert 9 == len(spans)
    assert limit == max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@pytest.mark.parametrize("limit", [1, 2])
def test_the_slot_of_a_process_that_is_killed_is_free(folder, limit):
    holders = [worker(limit, 1, 60) for _ in range(limit)]
    assert ["held\n"] * limit == [each.stdout.readline() for each in holders]

    holders[0].kill()
    start = time.monotonic()
    with slots(folder / "turns", limit):
        waited = time.monotonic() - start
    for each in holders:
        each.kill()
        each.communicate()

    assert waited < 5


def test_a_signal_gets_through_to_who_waits(folder):
    class RingError(Exception):
        pass

    def ring(*_):
        raise RingError

    before = signal.signal(signal.SIGUSR1, ring)
    timer = threading.Timer(0.2, signal.pthread_kill, [threading.main_thread().ident, signal.SIGUSR1])
    timer.start()
    try:
        with slots(folder / "turns", 1), pytest.raises(RingError), slots(folder / "turns", 1):
            raise AssertionError
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("limit", [1, 2])
def test_an_error_passes_through_and_the_slot_is_free(folder, limit):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots(folder / "turns", limit):
            1 / 0  # noqa: B018  # the error is the test
