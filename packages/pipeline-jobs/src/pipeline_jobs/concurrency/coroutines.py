"""Coroutines, run to their end by code that is not asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from pipeline_jobs.exceptions import is_interruption

_BEAT_SECONDS = 0.05  # between two chances for another thread to raise an exception in this one
_REPEAT_SECONDS = 1.0  # after which a task that caught its cancellation is cancelled again


def run_coroutine[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in an event loop of its own; return its result.

    It runs in this thread, or in a thread of its own if an event loop is running in this one, in either case
    with this thread's context variables. An interruption, such as a timeout, cancels its task, and is raised
    when that has ended.
    """
    try:
        asyncio.get_running_loop()
        is_loop_running = True
    except RuntimeError:
        is_loop_running = False
    run = _CoroutineRun(coroutine)
    return run.run_in_thread() if is_loop_running else run.run()


class _CoroutineRun[T]:
    """An event loop with one task."""

    # `asyncio.run` does not fit: it drops an exception that a timeout raises in a callback of the loop.

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        # With a factory, it does not become the event loop of this thread.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._loop.set_exception_handler(self._handle_exception)
        self._task = self._loop.create_task(coroutine)
        self._interruption: BaseException | None = None

    def run(self) -> T:
        """Run the loop in this thread until its task is done."""
        try:
            if threading.current_thread() is not threading.main_thread():
                self._beat()  # in the main thread, a signal wakes the loop
            while not self._task.done():
                try:
                    self._loop.run_until_complete(self._task)
                except BaseException as error:
                    if not self._task.done():
                        self._interrupt(error)
                    elif self._interruption is None:
                        raise
            if self._interruption is not None:
                raise self._interruption
            return self._task.result()
        finally:
            self._runner.close()

    def run_in_thread(self) -> T:
        """Run the loop in a thread of its own, and wait for it."""
        results: list[T] = []
        errors: list[BaseException] = []
        ended = threading.Event()

        def run() -> None:
            try:
                results.append(self.run())
            except BaseException as error:  # noqa: BLE001  # raised again in the waiting thread
                errors.append(error)
            finally:
                ended.set()

        threading.Thread(target=run, name="coroutine", daemon=True).start()
        try:
            while not ended.wait(_BEAT_SECONDS):
                pass
        except BaseException:
            self._cancel()
            while not ended.wait(_REPEAT_SECONDS):
                self._cancel()
            raise
        if errors:
            raise errors[0]
        return results[0]

    def _cancel(self) -> None:
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _interrupt(self, error: BaseException) -> None:
        self._interruption = self._interruption or error
        self._task.cancel()

    def _beat(self) -> None:
        self._loop.call_later(_BEAT_SECONDS, self._beat)

    def _handle_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an exception of a callback, which may be one that another thread raised in this one."""
        error = context.get("exception")
        if isinstance(error, BaseException) and not isinstance(error, Exception) and is_interruption(error):
            self._interrupt(error)
            self._beat()  # the exception may have come in its place
        else:
            loop.default_exception_handler(context)
