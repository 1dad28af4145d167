"""Jobs that take too long are ended, whatever thread they are in and whatever they catch."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from pipeline_jobs import BaseJob, JobA, JobB, OnDuplicate
from pipeline_orchestration import JobTimeoutError
from pipeline_orchestration.timeouts import execute_within


class Job(BaseJob[object, object]):
    """Does what a function does, which is given the job."""

    def __init__(self, act):
        self.act = act

    def validate_input(self, value):
        return value

    def single_job(self, value):
        self.counts["begun"] += 1
        return self.act(self)


def slow(_job=None):
    """Take ten seconds, in steps, as another thread cannot end a `sleep`."""
    for _ in range(1000):
        time.sleep(0.01)


def within(seconds, act):
    return execute_within(seconds, Job(act), 7)


def in_main(call):
    return call()


def in_thread(call):
    """Return what a call returns in another thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join(20)
    return results[0]


@pytest.fixture(params=[in_main, in_thread])
def called(request):
    """Calls in the main thread, and in another one."""
    return request.param


@pytest.fixture(autouse=True)
def clean():
    """Nothing of a timeout is left behind."""
    before = signal.getsignal(signal.SIGALRM), bool(signal.getitimer(signal.ITIMER_REAL)[0])
    yield
    assert before == (signal.getsignal(signal.SIGALRM), bool(signal.getitimer(signal.ITIMER_REAL)[0]))
    assert not [each for each in threading.enumerate() if each.name == "timeout" and each.join(2)]


def test_a_job_that_takes_too_long_fails(called):
    start = time.monotonic()
    result = called(lambda: within(0.2, slow))

    assert time.monotonic() - start < 3
    assert isinstance(result.exception, JobTimeoutError)
    assert ("job.timeout", True, {"begun": 1}) == (result.code, result.retriable, result.counts)
    assert "took longer than 0.2 s; give it more by timeout_seconds, or see what it waits for" == result.error
    assert 0.2 <= result.seconds < 3


@pytest.mark.parametrize("seconds", [None, 5, 1e7])
def test_one_that_does_not_is_as_it_was(called, seconds):
    done = called(lambda: within(seconds, lambda _: 7))
    failed = called(lambda: within(seconds, lambda _: 1 / 0))

    assert (7, "internal.ZeroDivisionError") == (done.output, failed.code)


def test_in_the_main_thread_a_system_call_is_ended():
    start = time.monotonic()

    assert "job.timeout" == within(0.2, lambda _: time.sleep(10)).code
    assert time.monotonic() - start < 3


def test_what_a_job_catches_does_not_keep_it(called):
    def stubborn(_job):
        for _ in range(1000):
            with suppress(Exception):
                time.sleep(0.01)

    assert "job.timeout" == called(lambda: within(0.1, stubborn)).code


def test_not_even_catching_all(called):
    def mulish(_job):
        for _ in range(200):
            with suppress(BaseException):
                time.sleep(0.01)

    start = time.monotonic()

    assert called(lambda: within(0.1, mulish)).success
    assert time.monotonic() - start > 2


def test_one_that_swallows_it_once_is_told_again(called):
    def deaf(_job):
        with suppress(BaseException):
            slow()
        slow()

    start = time.monotonic()

    assert "job.timeout" == called(lambda: within(0.1, deaf)).code
    assert 1 <= time.monotonic() - start < 5


def test_what_it_is_turned_into_is_a_timeout(called):
    """As sqlite3 makes an error of its own of what is raised in a callback."""

    def turned(_job):
        try:
            slow()
        except BaseException as error:
            raise ValueError from error

    assert "job.timeout" == called(lambda: within(0.1, turned)).code


def test_cleaning_up_is_let_be(called):
    cleaned = []

    @contextmanager
    def careful():
        try:
            yield
        finally:
            time.sleep(1.3)  # beyond the time after which a job is told again
            try:
                int("x")
            except ValueError:
                time.sleep(0.2)
            cleaned.append(True)

    def work(_job):
        with careful():
            slow()

    assert "job.timeout" == called(lambda: within(0.1, work)).code
    assert [True] == cleaned


def test_so_is_an_interrupt():
    def interrupted(_job):
        try:
            raise KeyboardInterrupt
        finally:
            slept = time.monotonic()
            time.sleep(0.3)
            assert time.monotonic() - slept >= 0.3

    with pytest.raises(KeyboardInterrupt):
        within(0.1, interrupted)


@pytest.mark.parametrize(("outer", "inner"), [(0.2, 5), (5, 0.2)])
def test_of_nested_ones_each_ends_its_own(called, outer, inner):
    """Whichever comes first."""
    results = []

    def outside(_job):
        results.append(within(inner, slow))
        return "went on"

    result = called(lambda: within(outer, outside))

    if outer < inner:
        assert ("job.timeout", []) == (result.code, results)
    else:
        assert ("went on", ["job.timeout"]) == (result.output, [each.code for each in results])


def test_after_a_nested_one_the_outer_goes_on(called):
    def outside(_job):
        within(0.1, slow)
        slow()

    start = time.monotonic()

    assert "job.timeout" == called(lambda: within(0.5, outside)).code
    assert 0.5 <= time.monotonic() - start < 3


def test_a_timer_of_somebody_else_rings_on_time_and_goes_on():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    timer = signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        start = time.monotonic()
        result = within(0.35, slow)
        time.sleep(0.2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)

    assert "job.timeout" == result.code
    assert 4 <= len(rung) <= 7
    assert 0.1 <= rung[0] - start < 0.3


def test_an_alarm_that_is_to_end_the_process_does(folder):
    code = (
        "import signal, time\n"
        "from pipeline_jobs.testing import FailingJob\n"
        "from pipeline_orchestration.timeouts import execute_within\n"
        "class Slow(FailingJob):\n"
        "    def single_job(self, value): time.sleep(20)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        "execute_within(10, Slow(ValueError()), 7)\n"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert -signal.SIGALRM == done.returncode
    assert time.monotonic() - start < 8


def test_a_timeout_lost_in_a_callback_comes_again(capsys):
    """Python loses what is raised while it frees an object."""

    class Slow:
        def __del__(self):
            time.sleep(0.5)

    def work(_job):
        Slow()
        slow()

    hook, sys.unraisablehook = sys.unraisablehook, lambda lost: None
    try:
        result = within(0.2, work)
    finally:
        sys.unraisablehook = hook

    assert "job.timeout" == result.code


@pytest.fixture
def lines(folder):
    """A file that A and B take a second for."""
    path = folder / "lines.txt"
    path.write_text("x" * 9 + "\n" + "".join(f"{number}\n" for number in range(2_000_000)))
    return path


def test_a_transaction_rolls_back_and_a_draft_is_removed(called, folder, lines, ask):
    from pipeline_db import PeeweeStore

    store = PeeweeStore(folder / "p.db")
    small = folder / "small.txt"
    small.write_text("one")
    small_document = JobA(folder / "out").execute(small).unwrap()
    JobB(store, OnDuplicate.SKIP).execute(small_document).unwrap()

    a = called(lambda: execute_within(0.1, JobA(folder / "out"), lines))
    document = JobA(folder / "out").execute(lines).unwrap()
    b = called(lambda: execute_within(0.3, JobB(store, OnDuplicate.SKIP), document))

    assert ("job.timeout", "job.timeout") == (a.code, b.code)
    assert {"lines_processed.json", "small_processed.json"} == {
        each.name for each in (folder / "out").iterdir()
    }
    assert [(1, 1)] == ask("p.db", "SELECT count(*), max(batch_id) FROM processed_records")
    assert JobB(store, OnDuplicate.SKIP).execute(document).success
