"""Jobs that are ended when they take too long: by a signal in the main thread, by the interpreter in others.

Whatever ends a job is raised in the middle of it, and is no `Exception`: what the job catches does not keep
it from ending, and what it cleans up is cleaned up.
"""

import math
import signal
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from types import FrameType
from typing import Any

from pipeline_jobs import BaseJob, JobResult

from .errors import JobTimeoutError

_AGAIN = 1.0  # seconds after which a job that went on is told again
_SOON = 0.001  # seconds; a timer of 0 would be none


class _Ended(BaseException):
    """What ends a job; each timeout has a class of its own, so that nested ones are told apart."""


def execute_within(seconds: float | None, job: BaseJob[Any, Any], value: object) -> JobResult[Any]:
    """Execute a job, and end it after so many seconds, or never; then its result is a failure.

    In the main thread a system call is interrupted. In others, what ends the job waits until the call that
    it is in, say a `sleep`, returns. What is unwinding already, by an interrupt say, is let be.
    """
    if seconds is None:
        return job.execute(value)
    in_main = threading.current_thread() is threading.main_thread()
    timeout: _Timeout = (_Alarm if in_main else _Watch)(seconds)
    result: JobResult[Any] | None = None
    start = time.perf_counter()
    try:
        with timeout:
            result = job.execute(value)
    except timeout.ended:
        pass
    # A success that came with the bell is one: it may be committed. A failure is what became of the bell.
    if result is None or (timeout.rang and not result.success):
        text = f"took longer than {seconds:g} s; give it more by timeout_seconds, or see what it waits for"
        error = JobTimeoutError("job.timeout", text, retriable=True)
        took = time.perf_counter() - start
        result = JobResult(job.name or type(job).__name__, None, error, took, dict(job.counts))
    return result


class _Timeout(AbstractContextManager[None]):
    """Raises `ended` in the thread that entered it, from `seconds` later on, until it is left.

    Args:
        seconds: more than 0.
    """

    def __init__(self, seconds: float) -> None:
        self.ended: type[BaseException] = type("_Ended", (_Ended,), {})
        self.rang = False
        self._deadline = time.monotonic() + seconds
        self._over = False
        self._handled = sys.exception()

    def _unwinding(self, error: BaseException | None) -> bool:
        """Return whether the exception that a thread handles is, or came after, one that ends things."""
        while error is not None and error is not self._handled:
            if not isinstance(error, Exception):
                return True
            error = error.__context__
        return False


class _Alarm(_Timeout):
    """In the main thread, by the process's one timer; whoever set it before gets it back, and its signal."""

    def __enter__(self) -> None:
        left, self._every = signal.getitimer(signal.ITIMER_REAL)
        self._outer_at = time.monotonic() + left if left else math.inf
        self._outer = signal.signal(signal.SIGALRM, self._ring)
        self._set(min(self._outer_at, self._deadline))

    def __exit__(self, *_: object) -> None:
        self._over = True  # a bell that rings from here on is not heard
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._outer or signal.SIG_DFL)
        if self._outer_at < math.inf:
            self._set(self._outer_at, self._every)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._outer_at <= now:
            try:
                self._ring_outer(number, frame)
            finally:  # it may raise, and it may have set the timer anew
                left = signal.getitimer(signal.ITIMER_REAL)[0] or self._every
                self._outer_at = time.monotonic() + left if left else math.inf
        rings = self._deadline <= now and not self._over
        if rings:
            self._deadline = now + _AGAIN
        if not self._over:
            self._set(min(self._outer_at, self._deadline))
        if rings and not self._unwinding(sys.exception()):
            self.rang = True
            raise self.ended

    def _ring_outer(self, number: int, frame: FrameType | None) -> None:
        if callable(self._outer):
            self._outer(number, frame)
        elif self._outer == signal.SIG_DFL:  # which ends the process
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGALRM)

    def _set(self, moment: float, every: float = 0.0) -> None:
        signal.setitimer(signal.ITIMER_REAL, max(_SOON, moment - time.monotonic()), every)


class _Watch(_Timeout):
    """In any other thread, by one more that has the interpreter raise there."""

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._left = threading.Event()
        with suppress(RuntimeError):  # no more threads: then the job takes what it takes
            threading.Thread(target=self._watch, name="timeout", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        while True:
            try:
                with self._lock:
                    self._over = True
                _raise_in(self._thread, None)  # one that is on its way is not raised
            except self.ended:
                continue
            self._left.set()
            return

    def _watch(self) -> None:
        while not self._left.wait(max(0.0, self._deadline - time.monotonic())):
            with self._lock:
                # The one way to see whether another thread is unwinding.
                if not self._over and not self._unwinding(sys._current_exceptions()[self._thread]):  # noqa: SLF001
                    self.rang = True
                    _raise_in(self._thread, self.ended)
            self._deadline += _AGAIN


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    import ctypes  # noqa: PLC0415  # 10 ms to import, and seldom needed

    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if kind is None else ctypes.py_object(kind)
    )
