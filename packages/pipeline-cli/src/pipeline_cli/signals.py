"""Signals that end a run: the first unwinds it; a second, or five seconds, end the process at once."""

import _thread
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from pipeline_jobs.exceptions import Interruption

from .exit_codes import get_signal, get_signal_exit_code

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CLEANUP_SECONDS = 5.0  # to roll back, remove drafts and stop Prefect's server
_CALLBACK_SECONDS = 0.01  # enough for a callback of the interpreter to return
_SHOW_CURSOR = b"\x1b[?25h"


class _SignalExit(Interruption, SystemExit):
    """Exits with the code of a signal; unlike any other exit, it passes through jobs."""


def install_handlers() -> None:
    """Handle the signals that end a process, except those ignored from the start, as under nohup."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _unwind)
    sys.unraisablehook = _raise_again


def restore_defaults() -> None:
    """Let signals end the process without us: while Python shuts down, an exception reaches nobody."""
    for number in _SIGNALS:
        if signal.getsignal(number) in (_unwind, _end_process):
            signal.signal(number, signal.SIG_DFL)


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind the run by an exception: SQLite finishes its current call, then transactions roll back."""
    for each in _SIGNALS:
        if signal.getsignal(each) == _unwind:
            signal.signal(each, _end_process)
    # The timer also covers an exception that gets lost in code that Python runs between two of our lines.
    timer = threading.Timer(_CLEANUP_SECONDS, _end_process, [number])
    timer.daemon = True
    with suppress(RuntimeError):  # no thread can be started
        timer.start()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise _SignalExit(get_signal_exit_code(signal.Signals(number)))


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    """Unwind again after the interpreter dropped the exception, because it was raised in a callback."""
    match lost.exc_value:
        case KeyboardInterrupt():
            number = signal.SIGINT.value
        case _SignalExit(code=int(code)):
            number = get_signal(code)
        case BaseException() if not isinstance(lost.exc_value, Exception):
            return  # ends a job that takes too long, and is raised again elsewhere
        case _:
            sys.__unraisablehook__(lost)
            return
    signal.signal(number, _unwind)
    # Not raised here, where it would be dropped again.
    timer = threading.Timer(_CALLBACK_SECONDS, _thread.interrupt_main, [signal.Signals(number)])
    timer.daemon = True
    with suppress(RuntimeError):  # no thread can be started; the first timer still ends the process
        timer.start()


def _end_process(number: int, _frame: FrameType | None = None) -> NoReturn:
    """End the process at once; the next run cleans up, as after a power cut."""
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, _SHOW_CURSOR)  # a progress bar hides the cursor
    os._exit(get_signal_exit_code(signal.Signals(number)))
