"""A worker process of the local engine: its start, its work, and its end with the process that started it."""

import io
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from pipeline_jobs import Interruption
from pipeline_orchestration.execution.import_path import leave_safe_path
from pipeline_orchestration.log_levels import set_log_level
from pipeline_orchestration.settings.config import LogLevel

from .log_forwarding import send_logs
from .serialization import dump_results, load_inputs, load_job_loop

_POLL_SECONDS = 0.2  # between two checks that the parent still runs

LOG_SOCKET = "logs"
"""The name of the socket in the folder of a run."""

TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)
"""A terminal sends these to all its processes; only the parent decides what they mean."""


class TerminatedError(Interruption):
    """The parent has asked the worker to end; no failure of a job."""


@dataclass(slots=True)
class _State:
    is_working: bool = False
    log_level: ExitStack = field(default_factory=ExitStack)  # never closed: it holds until the process ends


_state = _State()


@contextmanager
def block_terminal_signals() -> Iterator[None]:
    """Start processes within the block that a terminal's Ctrl-C does not end."""
    # New processes and threads inherit the mask.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def set_up_worker(
    parent: int,
    folder: Path,
    start_method: str | None,
    root_level: int,
    disabled_level: int,
    level: LogLevel,
) -> None:
    """Set up a new worker process.

    Args:
        parent: the id of the process that started it; the worker ends with it.
        folder: of the run; has the socket for log records.
        start_method: how the parent starts processes by default.
        root_level: of the parent's root logger.
        disabled_level: the level up to which the parent logs nothing at all.
        level: of our loggers.
    """
    threading.Thread(target=end_with_parent, args=(parent, folder), daemon=True).start()
    for number in TERMINAL_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _handle_sigterm)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL_SIGNALS)
    # loky has made its own method the default, which the child of a job's own pool does not know.
    multiprocessing.set_start_method(start_method, force=True)
    leave_safe_path()
    print_line_by_line()
    send_logs(folder / LOG_SOCKET, root_level)
    logging.disable(disabled_level)
    _state.log_level.enter_context(set_log_level(level))


def run_group(packed_spec: bytes, packed_inputs: bytes) -> bytes:
    """Run a group of inputs; return the results, pickled.

    Raises:
        TerminatedError: the parent has asked the worker to end; what it had begun is undone.
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
    """
    _state.is_working = True
    try:
        return dump_results(load_job_loop(packed_spec).run_group(load_inputs(packed_inputs)))
    finally:
        _state.is_working = False
        _flush_output()


def print_line_by_line() -> None:
    """Write what jobs print at the end of each line: a worker may be killed, and its buffers with it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # it is None if it was closed
            stream.reconfigure(line_buffering=True)


def _flush_output() -> None:
    """Write what jobs and libraries in C have printed, which would be lost when the worker is killed."""
    with suppress(OSError, ValueError):  # nobody reads it any more, or a job has closed the stream
        if sys.stdout:
            sys.stdout.flush()
    import ctypes  # noqa: PLC0415  # 10 ms to import, after the first group

    ctypes.CDLL(None).fflush(None)


def _handle_sigterm(_number: int, _frame: FrameType | None) -> None:
    if _state.is_working:
        _state.is_working = False
        raise TerminatedError


def end_with_parent(parent: int, folder: Path | None = None) -> None:
    """End this process as soon as the one that started it has ended.

    Args:
        parent: the id of that process.
        folder: removed then, as a parent that was killed has not done it.
    """
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
