"""BaseJob: `execute` returns every failure, and raises only what comes from outside of the job."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest

from pipeline_jobs import BaseJob, InputError, Interruption, JobError


class Halving(BaseJob[int, int]):
    """Halves even numbers."""

    def validate_input(self, value):
        if not isinstance(value, int):
            raise InputError("input.type", "expected a number")
        return value

    def single_job(self, value):
        self.counts["halved"] += 1
        if value % 2:
            raise ArithmeticError(f"{value} is odd")
        return value // 2


class Raising(BaseJob[object, object]):
    """Raises the error it is given, in `validate_input` or in `single_job`."""

    def validate_input(self, value):
        when, error = value
        if when == "validating":
            raise error
        return error

    def single_job(self, value):
        raise value


def test_valid_input_is_processed():
    result = Halving().execute(8)

    assert (4, None) == (result.output, result.exception)
    assert {"halved": 1} == result.counts
    assert 0 <= result.seconds


def test_refused_input_is_returned_as_a_result():
    result = Halving().execute("eight")

    assert ("input.type", "expected a number", None) == (result.code, result.error, result.output)
    assert {} == result.counts


def test_unexpected_exception_is_returned_as_a_result():
    result = Halving().execute(7)

    assert ("internal.ArithmeticError", "ArithmeticError: 7 is odd") == (result.code, result.error)
    assert result.exception.__traceback__ is not None


def test_counts_before_a_failure_are_kept():
    assert {"halved": 1} == Halving().execute(7).counts


def test_counts_start_empty_for_each_run():
    job = Halving()

    first, second = job.execute(8), job.execute(8)

    assert {"halved": 1} == first.counts == second.counts


def test_single_job_can_count_without_execute():
    """A test may call `single_job` alone, and a job need not create its counts."""
    job = Halving()

    assert 4 == job.single_job(8)
    assert {"halved": 1} == dict(job.counts)


@pytest.mark.parametrize("when", ["validating", "working"])
@pytest.mark.parametrize(
    "error", [Exception("x"), MemoryError(), RecursionError(), StopIteration(), OSError(5, "x")]
)
def test_exceptions_are_returned_not_raised(when, error):
    result = Raising().execute((when, error))

    assert error is result.exception
    assert f"internal.{type(error).__name__}" == result.code


@pytest.mark.parametrize("when", ["validating", "working"])
@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), Interruption(), BaseExceptionGroup("", [ValueError(), Interruption()])],
    ids=lambda error: type(error).__name__,
)
def test_interruptions_are_raised(when, error):
    """Ctrl-C, a timeout or the end of the run ends a job by such an exception."""
    with pytest.raises(type(error)) as caught:
        Raising().execute((when, error))

    assert error is caught.value


@pytest.mark.parametrize("when", ["validating", "working"])
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SystemExit(), "the job called sys.exit(); return instead"),
        (SystemExit(0), "the job called sys.exit(0); return instead"),
        (SystemExit(3), "the job called sys.exit(3); raise an exception instead"),
        (SystemExit("odd"), "the job called sys.exit('odd'); raise an exception instead"),
        (GeneratorExit(), "the job raised GeneratorExit; raise a subclass of Exception instead"),
        (asyncio.CancelledError(), "the job raised CancelledError; raise a subclass of Exception instead"),
        (BaseException(), "the job raised BaseException; raise a subclass of Exception instead"),
        (
            BaseExceptionGroup("", [SystemExit()]),
            "the job raised BaseExceptionGroup; raise a subclass of Exception instead",
        ),
    ],
)
def test_a_job_that_exits_is_a_failure(when, error, message):
    result = Raising().execute((when, error))

    assert ("job.exit", message, False) == (result.code, result.error, result.retriable)
    assert isinstance(result.exception, JobError)
    assert error is result.exception.__cause__
    assert message == pickle.loads(pickle.dumps(result)).error


def test_in_another_thread_a_keyboard_interrupt_is_no_ctrl_c():
    """Signals are handled in the main thread only."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(Raising().execute(("working", KeyboardInterrupt())))
    )
    thread.start()
    thread.join()

    assert "job.exit" == results[0].code


class Leaving:
    """Exits when a signal comes."""

    def leave(self, *_):
        raise SystemExit(7)


def leave(*_):
    raise SystemExit(7)


@pytest.mark.parametrize("handler", [leave, Leaving().leave, lambda *_: leave()])
def test_what_a_signal_handler_raises_is_raised(handler):
    """The program may have a handler of its own, which exits."""

    class Signalled(Raising):
        def single_job(self, value):
            os.kill(os.getpid(), value)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(SystemExit, match="7"):
            Signalled().execute(("working", signal.SIGUSR1))
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_result_is_named_after_the_class():
    assert "Halving" == Halving().execute(8).job


def test_result_carries_the_name_of_the_job():
    job = Halving()
    job.name = "H"

    assert "H" == job.execute(8).job
    assert "H" == job.execute(7).job


def test_job_without_single_job_cannot_be_created():
    class Half(BaseJob[int, int]):
        def validate_input(self, value):
            return value

    with pytest.raises(TypeError, match="single_job"):
        Half()


class MemoryHungry(BaseJob[object, bytes]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        return bytes(1 << 62)


def test_memory_error_says_what_to_do():
    """Python's own MemoryError has no text."""
    result = MemoryHungry().execute("x")

    hint = "allow the process more, or refuse large records with a lower --max-record-bytes"
    assert "internal.MemoryError" == result.code
    assert f"MemoryError: there was not enough memory; {hint}" == result.error


FORKING = """
import os, sys
from pipeline_jobs import BaseJob

class Forking(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        child = os.fork()
        if child == 0:
            print("in the child")
            STATEMENT
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

print(Forking().execute("x").output)
"""


@pytest.mark.parametrize(
    ("statement", "code", "message"),
    [
        ("return value", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('enough')", 1, "enough"),
        ("raise ValueError(value)", 1, "ValueError: x"),
    ],
)
def test_a_process_that_a_job_forks_ends_in_the_job(statement, code, message):
    """It would go on with the rest of the run otherwise, beside its parent."""
    script = FORKING.replace("STATEMENT", statement)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert (f"in the child\n{code}\n", message) == (done.stdout, (done.stderr.splitlines() or [""])[-1])
