"""Signals that end a run: the first unwinds it; a second, or five seconds, end the process at once."""

import _thread
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from .exits import signal_of, signalled

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 5.0  # seconds for rolling back, removing what is half written and stopping Prefect's server
_MOMENT = 0.01  # seconds, in which a callback comes to its end
_SHOW_CURSOR = b"\x1b[?25h"


def end_on_signals() -> None:
    """Handle the signals that ask a process to end, save those that it was started to ignore, as by nohup."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _unwind)
    sys.unraisablehook = _unraised


def end_by_default() -> None:
    """Let signals end the process as they do others: while Python ends, no exception finds its way."""
    for number in _SIGNALS:
        if signal.getsignal(number) in (_unwind, _end):
            signal.signal(number, signal.SIG_DFL)


def _unwind(number: int, _frame: FrameType | None) -> NoReturn:
    """End by an exception: SQLite's work on a chunk is waited for, then transactions roll back."""
    for each in _SIGNALS:
        if signal.getsignal(each) == _unwind:
            signal.signal(each, _end)
    # An exception may also be lost, in what Python runs between two lines of ours.
    watch = threading.Timer(_PATIENCE, _end, [number])
    watch.daemon = True
    with suppress(RuntimeError):  # no more threads
        watch.start()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(signalled(signal.Signals(number)))


def _unraised(lost: "sys.UnraisableHookArgs") -> None:
    """Unwind once more where the exception was lost: it came up in a callback of the interpreter's own."""
    match lost.exc_value:
        case KeyboardInterrupt():
            number = signal.SIGINT.value
        case SystemExit(code=int(code)) if signal_of(code) in _SIGNALS:
            number = signal_of(code)
        case BaseException() if not isinstance(lost.exc_value, Exception):
            return  # what ends a job that takes too long, and is raised again
        case _:
            sys.__unraisablehook__(lost)
            return
    signal.signal(number, _unwind)
    # Not from here, where it would be lost again.
    again = threading.Timer(_MOMENT, _thread.interrupt_main, [signal.Signals(number)])
    again.daemon = True
    with suppress(RuntimeError):  # no more threads; the patience of the first one ends the run
        again.start()


def _end(number: int, _frame: FrameType | None = None) -> NoReturn:
    """End at once: what is half done is left to the next run, as after a power cut."""
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, _SHOW_CURSOR)  # a progress bar hides it
    os._exit(signalled(signal.Signals(number)))
