"""A file semaphore has a limited number of holders, over threads and processes, and ends with its holders.

A test fails by a timeout of its own where it would otherwise wait forever: every process ends itself by an
alarm, and whatever waits in this process does so in a thread.
"""

import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from pipeline_jobs.concurrency.file_semaphore import acquire_slot

PATIENCE = 60  # seconds

# Holds a slot in each of several threads, and prints from when to when.
HOLD = f"""
import json, signal, sys, threading, time
from pathlib import Path
from pipeline_jobs.concurrency.file_semaphore import acquire_slot

signal.alarm({PATIENCE})

def hold():
    with acquire_slot(Path("lock"), int(sys.argv[1])):
        start = time.monotonic()
        print("held", flush=True)
        time.sleep(float(sys.argv[3]))
        spans.append((start, time.monotonic()))

spans = []
threads = [threading.Thread(target=hold) for _ in range(int(sys.argv[2]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(spans))
"""

# Waits for a slot that it holds itself, until a signal handler raises.
WAIT = f"""
import signal
from pathlib import Path
from pipeline_jobs.concurrency.file_semaphore import acquire_slot

class SignalError(Exception):
    pass

def fail(*_):
    raise SignalError

signal.alarm({PATIENCE})
signal.signal(signal.SIGUSR1, fail)
with acquire_slot(Path("lock"), 1):
    print("waiting", flush=True)
    try:
        with acquire_slot(Path("lock"), 1):
            print("acquired")
    except SignalError:
        print("interrupted")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def start():
    """A function that starts a Python program; what still runs after the test is killed."""
    processes = []

    def start_program(program, *arguments):
        command = [sys.executable, "-c", program, *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start_program
    for process in processes:
        with process:
            process.kill()


def acquire_in_thread(file, limit, error=None):
    """Acquire a slot in a thread, and raise an error while it is held.

    Returns:
        The seconds it waited, None if it still waits; and the error that was raised out of the block.
    """
    waited, raised = [None], [None]

    def acquire():
        start = time.monotonic()
        try:
            with acquire_slot(file, limit):
                waited[0] = time.monotonic() - start
                if error:
                    raise error
        except ValueError as caught:
            raised[0] = caught

    thread = threading.Thread(target=acquire, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return waited[0], raised[0]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_as_many_threads_and_processes_as_the_limit_hold_a_slot(folder, start, limit):
    workers = [start(HOLD, limit, 3, 0.1) for _ in range(3)]
    outputs = [worker.communicate()[0] for worker in workers]

    assert [0, 0, 0] == [worker.returncode for worker in workers]
    spans = [span for output in outputs for span in json.loads(output.splitlines()[-1])]
    assert 9 == len(spans)
    assert limit == max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@pytest.mark.parametrize("limit", [1, 2])
def test_slot_of_a_killed_process_is_free(folder, start, limit):
    holders = [start(HOLD, limit, 1, PATIENCE) for _ in range(limit)]
    assert ["held\n"] * limit == [holder.stdout.readline() for holder in holders]

    holders[0].kill()
    waited, _ = acquire_in_thread(folder / "lock", limit)

    assert waited is not None
    assert waited < 5


def test_signal_handler_runs_while_waiting(folder, start):
    waiter = start(WAIT)
    assert "waiting\n" == waiter.stdout.readline()

    time.sleep(0.2)
    waiter.send_signal(signal.SIGUSR1)

    assert ("interrupted\n", None) == waiter.communicate()
    assert 0 == waiter.returncode


@pytest.mark.parametrize("limit", [1, 2])
def test_slot_is_free_after_an_error(folder, limit):
    for _ in range(limit + 1):
        error = ValueError()
        waited, raised = acquire_in_thread(folder / "lock", limit, error)

        assert waited is not None
        assert error is raised


def test_waiters_get_the_slot_in_order_of_arrival(folder):
    order = []

    def acquire(number):
        with acquire_slot(folder / "lock", 1):
            order.append(number)

    threads = [threading.Thread(target=acquire, args=[number], daemon=True) for number in range(10)]
    with acquire_slot(folder / "lock", 1):
        for thread in threads:
            thread.start()
            time.sleep(0.05)  # until it waits
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))

    assert list(range(10)) == order


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_file_that_other_users_can_open_is_refused(folder, mode, limit):
    """Whoever can open a file can lock it, and hold that lock forever."""
    (folder / "lock").touch()
    (folder / "lock").chmod(mode)

    with (
        pytest.raises(PermissionError, match=r"other users can open it.*/lock'$"),
        acquire_slot(folder / "lock", limit),
    ):
        raise AssertionError

    assert ["lock"] == [path.name for path in folder.iterdir()]


def test_a_link_is_not_followed(folder):
    (folder / "lock").symlink_to("elsewhere")

    with pytest.raises(OSError, match="symbolic links"), acquire_slot(folder / "lock", 1):
        raise AssertionError

    assert not (folder / "elsewhere").exists()
