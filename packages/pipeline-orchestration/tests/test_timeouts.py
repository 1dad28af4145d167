"""Timeouts of jobs, in the main thread and in others, even if a job catches exceptions."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from pipeline_jobs import BaseJob, JobA, JobB, OnDuplicate
from pipeline_orchestration import JobTimeoutError
from pipeline_orchestration.execution.timeouts import execute_with_timeout


class Job(BaseJob[object, object]):
    """Calls a function with itself."""

    def __init__(self, act):
        self.act = act

    def validate_input(self, value):
        return value

    def single_job(self, value):
        self.counts["begun"] += 1
        return self.act(self)


def work_long(_job=None):
    """Take ten seconds in steps, as no exception interrupts a `sleep` in another thread."""
    for _ in range(1000):
        time.sleep(0.01)


def run_limited(seconds, act):
    return execute_with_timeout(seconds, Job(act), 7)


def call_here(function):
    return function()


def call_in_thread(function):
    """Return what a function returns in another thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(20)
    return results[0]


@pytest.fixture(params=[call_here, call_in_thread])
def call(request):
    """A function that calls another one: in the main thread, then in another thread."""
    return request.param


@pytest.fixture(autouse=True)
def check_cleanup():
    """Check that a timeout leaves neither a handler, a timer nor a thread behind."""
    before = signal.getsignal(signal.SIGALRM), bool(signal.getitimer(signal.ITIMER_REAL)[0])
    yield
    assert before == (signal.getsignal(signal.SIGALRM), bool(signal.getitimer(signal.ITIMER_REAL)[0]))
    assert not [each for each in threading.enumerate() if each.name == "timeout" and each.join(2)]


def test_a_job_that_takes_too_long_fails(call):
    result = call(lambda: run_limited(0.2, work_long))

    assert isinstance(result.exception, JobTimeoutError)
    assert ("job.timeout", True, {"begun": 1}) == (result.code, result.retriable, result.counts)
    assert "took longer than 0.2 s; raise timeout_seconds, or find out what the job waits for" == result.error
    assert 0.2 <= result.seconds


@pytest.mark.parametrize("seconds", [None, 5, 1e7])
def test_a_job_in_time_keeps_its_result(call, seconds):
    done = call(lambda: run_limited(seconds, lambda _: 7))
    failed = call(lambda: run_limited(seconds, lambda _: 1 / 0))

    assert (7, "internal.ZeroDivisionError") == (done.output, failed.code)


def test_in_the_main_thread_a_system_call_is_interrupted():
    after = []

    def sleep(_job):
        time.sleep(10)
        after.append("slept")

    assert ("job.timeout", []) == (run_limited(0.2, sleep).code, after)


def test_a_job_that_catches_every_exception_still_ends(call):
    def stubborn(_job):
        for _ in range(1000):
            with suppress(Exception):
                time.sleep(0.01)

    assert "job.timeout" == call(lambda: run_limited(0.1, stubborn)).code


def test_a_job_that_catches_everything_may_still_succeed(call):
    caught = []

    def work(_job):
        for _ in range(20):
            try:
                time.sleep(0.01)
            except BaseException as error:  # noqa: BLE001  # as a careless job does
                caught.append(error)
        return "done"

    result = call(lambda: run_limited(0.1, work))

    assert ("done", True) == (result.output, len(caught) >= 1)


def test_the_exception_is_raised_again_in_a_job_that_caught_it(call):
    steps = []

    def work(_job):
        with suppress(BaseException):
            work_long()
        steps.append("caught")
        work_long()
        steps.append("finished")

    assert "job.timeout" == call(lambda: run_limited(0.1, work)).code
    assert ["caught"] == steps


def test_an_error_that_replaces_the_timeout_counts_as_the_timeout(call):
    """For instance, sqlite3 replaces an exception of a callback by an error of its own."""

    def work(_job):
        try:
            work_long()
        except BaseException as error:
            raise ValueError from error

    assert "job.timeout" == call(lambda: run_limited(0.1, work)).code


def test_a_cleanup_is_not_interrupted(call):
    cleaned = []

    @contextmanager
    def careful():
        try:
            yield
        finally:
            time.sleep(1.3)  # longer than the time after which the exception is raised again
            try:
                int("x")
            except ValueError:
                time.sleep(0.2)
            cleaned.append(True)

    def work(_job):
        with careful():
            work_long()

    assert "job.timeout" == call(lambda: run_limited(0.1, work)).code
    assert [True] == cleaned


def test_the_cleanup_after_an_interrupt_is_not_interrupted():
    cleaned = []

    def work(_job):
        try:
            raise KeyboardInterrupt
        finally:
            time.sleep(0.3)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_limited(0.1, work)
    assert [True] == cleaned


@pytest.mark.parametrize(("outer", "inner"), [(0.2, 5), (5, 0.2)])
def test_each_of_two_nested_timeouts_ends_its_own_block(call, outer, inner):
    """No matter which expires first."""
    results = []

    def outside(_job):
        results.append(run_limited(inner, work_long))
        return "continued"

    result = call(lambda: run_limited(outer, outside))

    if outer < inner:
        assert ("job.timeout", []) == (result.code, results)
    else:
        assert ("continued", ["job.timeout"]) == (result.output, [each.code for each in results])


def test_the_outer_timeout_goes_on_after_the_inner_one(call):
    steps = []

    def outside(_job):
        steps.append(run_limited(0.1, work_long).code)
        work_long()
        steps.append("finished")

    result = call(lambda: run_limited(0.5, outside))

    assert ("job.timeout", ["job.timeout"]) == (result.code, steps)
    assert 0.5 <= result.seconds


def test_an_outer_timer_goes_on_during_and_after_a_timeout():
    ticks = []
    before = signal.signal(signal.SIGALRM, lambda *_: ticks.append(time.monotonic()))
    timer = signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        result = run_limited(0.35, work_long)
        during = len(ticks)
        while len(ticks) < during + 2:
            signal.pause()
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)

    assert "job.timeout" == result.code
    assert 1 <= during


def test_an_outer_timer_without_a_handler_ends_the_process(folder):
    code = (
        "import signal, time\n"
        "from pipeline_jobs.testing import FailingJob\n"
        "from pipeline_orchestration.execution.timeouts import execute_with_timeout\n"
        "class Slow(FailingJob):\n"
        "    def single_job(self, value): time.sleep(20)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        "execute_with_timeout(10, Slow(ValueError()), 7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert -signal.SIGALRM == done.returncode


def test_an_exception_lost_in_a_destructor_is_raised_again():
    """Python only reports what is raised while it frees an object."""

    class Slow:
        def __del__(self):
            time.sleep(0.5)

    def work(_job):
        Slow()
        work_long()

    hook, sys.unraisablehook = sys.unraisablehook, lambda lost: None
    try:
        result = run_limited(0.2, work)
    finally:
        sys.unraisablehook = hook

    assert "job.timeout" == result.code


@pytest.fixture
def lines(folder):
    """A file for which jobs A and B take a fifth of a second each, and more on a busy machine."""
    path = folder / "lines.txt"
    path.write_text("x" * 9 + "\n" + "".join(f"{number}\n" for number in range(400_000)))
    return path


def test_a_timeout_rolls_back_the_transaction_and_removes_the_draft(call, folder, lines, ask):
    from pipeline_db import PeeweeStore

    store = PeeweeStore(folder / "p.db")
    small = folder / "small.txt"
    small.write_text("one")
    small_document = JobA(folder / "out").execute(small).unwrap()
    JobB(store, OnDuplicate.SKIP).execute(small_document).unwrap()

    a = call(lambda: execute_with_timeout(0.05, JobA(folder / "out"), lines))
    document = JobA(folder / "out").execute(lines).unwrap()
    b = call(lambda: execute_with_timeout(0.05, JobB(store, OnDuplicate.SKIP), document))

    assert ("job.timeout", "job.timeout") == (a.code, b.code)
    assert {"lines_processed.json", "small_processed.json"} == {
        each.name for each in (folder / "out").iterdir()
    }
    assert [(1, 1)] == ask("p.db", "SELECT count(*), max(batch_id) FROM processed_records")
    assert JobB(store, OnDuplicate.SKIP).execute(document).success
