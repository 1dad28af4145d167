"""A worker process of the local engine: how it begins, works, and ends with the process that started it."""

import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from .logs import at_level
from .names import LogLevel
from .packing import pack_results, unpack_work
from .worker_logs import log_to

_LOOK = 0.2  # seconds between two looks at whether the parent is there

LOGS = "logs"
"""The name of the socket within the folder of a run."""

ASKED_TO_END = (signal.SIGINT, signal.SIGHUP)
"""What a terminal sends to all its processes, of which the parent alone decides."""


class EndedError(BaseException):
    """The parent has asked the worker to end; no failure of a job."""


@dataclass(slots=True)
class _State:
    working: bool = False
    for_good: ExitStack = field(default_factory=ExitStack)


_state = _State()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Start processes in the block that a terminal's Ctrl-C does not end: it is for this one alone."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKED_TO_END)  # which processes and threads inherit
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(parent: int, folder: Path, root_level: int, disabled: int, level: LogLevel) -> None:
    """Set up a worker: the first that runs in its process.

    Args:
        parent: the id of the process that started it, without which it ends.
        folder: of the run, where the records go that it logs.
        root_level: of the parent's root logger.
        disabled: up to which level nothing is logged at all.
        level: of our loggers.
    """
    threading.Thread(target=end_with, args=(parent, folder), daemon=True).start()
    for number in ASKED_TO_END:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED_TO_END)
    log_to(folder / LOGS, root_level)
    logging.disable(disabled)
    _state.for_good.enter_context(at_level(level))


def work(packed: bytes, inputs: Sequence[str]) -> bytes:
    """Run a group of inputs, and return the results, packed.

    Raises:
        EndedError: the parent wants no more of it; what was half done is undone.
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
    """
    _state.working = True
    try:
        return pack_results(unpack_work(packed).run(inputs))
    finally:
        _state.working = False


def _unwind(_number: int, _frame: FrameType | None) -> None:
    if _state.working:
        _state.working = False
        raise EndedError


def end_with(parent: int, folder: Path | None = None) -> None:
    """Wait for the process with that id, which started this one, to end, and end.

    Args:
        parent: the id.
        folder: to be removed then, which whoever is killed does not do.
    """
    while os.getppid() == parent:
        time.sleep(_LOOK)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
