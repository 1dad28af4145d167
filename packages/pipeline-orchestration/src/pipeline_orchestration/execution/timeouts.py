"""Timeouts of jobs: by SIGALRM in the main thread, and by an asynchronous exception in other threads.

The exception that ends a job is no `Exception`: a job that catches those still ends, and still cleans up.

No library does this: stopit 1.1.2 knows whole seconds only and resets the handler of others, Prefect's
`timeout` raises once, which a job may catch, and both raise in the middle of a cleanup.
"""

import math
import signal
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from types import FrameType
from typing import Any

from pipeline_jobs import BaseJob, Interruption, JobResult
from pipeline_orchestration.exceptions import JobTimeoutError

_REPEAT = 1.0  # seconds after which the exception is raised again in a job that caught it
_MINIMUM = 0.001  # seconds; a timer of 0 is no timer


class _TimeoutExpired(Interruption):
    """Ends a job; each timeout has a subclass of its own, so that nested ones are kept apart."""


def execute_with_timeout(seconds: float | None, job: BaseJob[Any, Any], value: object) -> JobResult[Any]:
    """Execute a job, and end it after so many seconds; its result is then a failure. None means no timeout.

    In the main thread, a system call is interrupted. In another thread, the job ends when the call that it is
    in, such as a `sleep`, returns. A job that is already unwinding, for instance after Ctrl-C, is left alone.
    """
    if seconds is None:
        return job.execute(value)
    in_main_thread = threading.current_thread() is threading.main_thread()
    timeout: _Timeout = (_SignalTimeout if in_main_thread else _ThreadTimeout)(seconds)
    result: JobResult[Any] | None = None
    start = time.perf_counter()
    try:
        with timeout:
            result = job.execute(value)
    except timeout.exception:
        pass
    # Success at the deadline counts: it may be committed already. A failure then comes from the timeout.
    if result is None or (timeout.expired and not result.success):
        text = f"took longer than {seconds:g} s; raise timeout_seconds, or find out what the job waits for"
        error = JobTimeoutError("job.timeout", text, retriable=True)
        took = time.perf_counter() - start
        result = JobResult(job.name or type(job).__name__, None, error, took, job.counts)
    return result


class _Timeout(AbstractContextManager[None]):
    """Raises `exception` in the thread that entered the block, once the time is up and until it is left.

    Args:
        seconds: more than 0.
    """

    def __init__(self, seconds: float) -> None:
        self.exception: type[BaseException] = type("_TimeoutExpired", (_TimeoutExpired,), {})
        self.expired = False
        self._deadline = time.monotonic() + seconds
        self._left = False
        self._outer_error = sys.exception()

    def _is_unwinding(self, error: BaseException | None) -> bool:
        """Return whether the error that a thread handles is, or was caused by, no mere `Exception`."""
        while error is not None and error is not self._outer_error:
            if not isinstance(error, Exception):
                return True
            error = error.__context__
        return False


class _SignalTimeout(_Timeout):
    """For the main thread, by the only timer of the process; an outer timer and its handler go on."""

    def __enter__(self) -> None:
        remaining, self._outer_interval = signal.getitimer(signal.ITIMER_REAL)
        self._outer_deadline = time.monotonic() + remaining if remaining else math.inf
        self._outer_handler = signal.signal(signal.SIGALRM, self._handle_signal)
        self._set_timer(min(self._outer_deadline, self._deadline))

    def __exit__(self, *_: object) -> None:
        self._left = True  # from here on, a signal raises nothing
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._outer_handler or signal.SIG_DFL)
        if self._outer_deadline < math.inf:
            self._set_timer(self._outer_deadline, self._outer_interval)

    def _handle_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._outer_deadline <= now:
            try:
                self._call_outer_handler(number, frame)
            finally:  # it may raise, and it may have set the timer anew
                remaining = signal.getitimer(signal.ITIMER_REAL)[0] or self._outer_interval
                self._outer_deadline = time.monotonic() + remaining if remaining else math.inf
        expires = self._deadline <= now and not self._left
        if expires:
            self._deadline = now + _REPEAT
        if not self._left:
            self._set_timer(min(self._outer_deadline, self._deadline))
        if expires and not self._is_unwinding(sys.exception()):
            self.expired = True
            raise self.exception

    def _call_outer_handler(self, number: int, frame: FrameType | None) -> None:
        if callable(self._outer_handler):
            self._outer_handler(number, frame)
        elif self._outer_handler == signal.SIG_DFL:  # ends the process
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGALRM)

    def _set_timer(self, deadline: float, interval: float = 0.0) -> None:
        signal.setitimer(signal.ITIMER_REAL, max(_MINIMUM, deadline - time.monotonic()), interval)


class _ThreadTimeout(_Timeout):
    """For any other thread, by a thread that has the interpreter raise the exception there."""

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        with suppress(RuntimeError):  # no more threads can be started: the job then runs without a timeout
            threading.Thread(target=self._watch, name="timeout", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        while True:
            try:
                with self._lock:
                    self._left = True
                _raise_in_thread(self._thread, None)  # takes back an exception that is not raised yet
            except self.exception:
                continue
            self._stop.set()
            return

    def _watch(self) -> None:
        while not self._stop.wait(max(0.0, self._deadline - time.monotonic())):
            with self._lock:
                # There is no other way to see whether another thread is unwinding.
                error = sys._current_exceptions()[self._thread]  # noqa: SLF001  # see above
                if not self._left and not self._is_unwinding(error):
                    self.expired = True
                    _raise_in_thread(self._thread, self.exception)
            self._deadline += _REPEAT


def _raise_in_thread(thread: int, exception: type[BaseException] | None) -> None:
    """Have the interpreter raise an exception in a thread; None takes back one that is still to come."""
    import ctypes  # noqa: PLC0415  # 10 ms to import, and seldom needed

    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if exception is None else ctypes.py_object(exception)
    )
