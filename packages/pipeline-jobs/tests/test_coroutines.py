"""Coroutines as jobs: run to their end, and cancelled by what ends a job from outside."""

import asyncio
import concurrent.futures
import ctypes
import signal
import threading
import time
import traceback
from contextvars import ContextVar

import pytest

from pipeline_jobs import BaseJob, Interruption

variable = ContextVar("variable", default="unset")


class Job(BaseJob[object, object]):
    """Calls a function."""

    def __init__(self, act, validate=lambda value: value):
        self.act = act
        self.validate = validate

    def validate_input(self, value):
        return self.validate(value)

    def single_job(self, value):
        return self.act(value)


def call_here(function):
    return function()


def call_in_thread(function):
    """Return what a function returns in another thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(20)
    return results[0]


def call_in_loop(function):
    """Return what a function returns while an event loop is running."""

    async def call():
        return function()

    return asyncio.run(call())


def call_in_loop_in_thread(function):
    return call_in_thread(lambda: call_in_loop(function))


@pytest.fixture(params=[call_here, call_in_thread, call_in_loop, call_in_loop_in_thread])
def call(request):
    """A function that calls another one: in each kind of thread, with and without a running loop."""
    return request.param


async def double(value):
    await asyncio.sleep(0.01)
    return 2 * value


def test_a_coroutine_is_run_to_its_end(call):
    result = call(lambda: Job(double, double).execute(7))

    assert (28, None) == (result.output, result.error)


def test_an_exception_of_a_coroutine_is_a_failure(call):
    async def fail(_value):
        await asyncio.sleep(0)
        raise ValueError("odd")

    result = call(lambda: Job(fail).execute(7))

    assert "ValueError: odd" == result.error
    assert "fail" == traceback.extract_tb(result.exception.__traceback__)[-1].name
    assert result.exception.__context__ is None
    assert "ValueError: odd" == call(lambda: Job(double, fail).execute(7)).error


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), asyncio.CancelledError()])
def test_a_coroutine_that_exits_is_a_failure(call, error):
    async def leave(_value):
        await asyncio.sleep(0)
        raise error

    assert "job.exit" == call(lambda: Job(leave).execute(7)).code


def test_a_coroutine_that_stops_its_loop_fails(call):
    async def stop(_value):
        asyncio.get_running_loop().stop()
        await asyncio.sleep(60)

    assert "internal.RuntimeError" == call(lambda: Job(stop).execute(7)).code


def test_a_coroutine_has_the_context_variables_of_its_caller(call):
    async def read(_value):
        await asyncio.sleep(0)
        return variable.get()

    def execute():
        token = variable.set("set")
        try:
            return Job(read).execute(7)
        finally:
            variable.reset(token)

    assert "set" == call(execute).output


def test_without_a_running_loop_a_coroutine_stays_in_its_thread():
    async def name(_value):
        return threading.current_thread()

    assert threading.current_thread() is Job(name).execute(7).output


def test_the_event_loop_of_the_thread_stays():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert 14 == Job(double).execute(7).output
        assert loop is asyncio.get_event_loop()
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_tasks_that_a_coroutine_leaves_behind_are_cancelled(call):
    ends = []

    async def leave_task(value):
        async def wait():
            try:
                await asyncio.sleep(60)
            finally:
                ends.append("cancelled")

        ends.append(asyncio.create_task(wait()))
        await asyncio.sleep(0)
        return value

    assert 7 == call(lambda: Job(leave_task).execute(7)).output
    assert "cancelled" == ends[1]


class Ended(Interruption):
    """Ends a job."""


def interrupt(thread):
    """Have the interpreter raise an exception in a thread, as a timeout does."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Ended))


@pytest.mark.parametrize("call", [call_in_thread, call_in_loop_in_thread])
@pytest.mark.parametrize("busy", [False, True])
def test_an_interruption_cancels_the_task(call, busy):
    """Also while the loop only waits; the coroutine can clean up."""
    steps = []

    async def work(thread):
        timer = threading.Timer(0.1, interrupt, [thread])
        timer.start()
        try:
            for _ in range(60):
                await asyncio.sleep(0.01 if busy else 60)
                time.sleep(0.01 if busy else 0)  # noqa: ASYNC251  # as a careless coroutine does
        except BaseException as error:
            steps.append(type(error).__name__)
            await asyncio.sleep(0.01)
            steps.append("cleaned")
            raise

    def execute():
        try:
            return Job(work).execute(threading.get_ident())
        except Ended:
            return "ended"

    assert ("ended", "cleaned") == (call(execute), steps[-1])


@pytest.mark.parametrize("call", [call_here, call_in_loop])
def test_a_signal_cancels_the_task(call):
    steps = []

    def end(*_):
        raise Ended

    async def work(_value):
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            steps.append("cleaned")
            raise

    before = signal.signal(signal.SIGALRM, end)
    try:
        with pytest.raises(Ended):
            call(lambda: Job(work).execute(7))
    finally:
        signal.signal(signal.SIGALRM, before)

    assert ["cleaned"] == steps


async def stream(value):
    yield value


async def return_generator(value):
    return (each for each in [value])


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda value: (each for each in [value]), "a generator, whose work is not done yet; return a list"),
        (return_generator, "a generator, whose work is not done yet; return a list"),
        (stream, "a generator, whose work is not done yet; return a list"),
        (lambda value: map(str, [value]), "an iterator, a map, whose work is not done yet; return a list"),
        (
            lambda _: concurrent.futures.Future(),
            "a Future, whose work may not be done yet; wait for it, and return its result",
        ),
    ],
)
def test_an_output_with_work_left_is_refused(call, act, words):
    result = call(lambda: Job(act).execute(7))

    assert ("job.output", f"the job returned {words}", False) == (
        result.code,
        result.error,
        result.retriable,
    )
    assert result.output is None


@pytest.mark.parametrize("output", [None, "text", b"bytes", [1], (1,), {1: 2}, range(3), {1}])
def test_any_other_output_is_kept(output):
    assert output is Job(lambda _: output).execute(7).output


def test_what_is_validated_may_be_an_iterator():
    """It is read within the job."""
    assert [1, 2] == Job(list, iter).execute([1, 2]).output
