"""A process of a task runner, set up for the runs whose groups come to it: one after another, or several."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache

from pipeline_orchestration.logs import at_level
from pipeline_orchestration.packing import unpack_work
from pipeline_orchestration.work import Prepared
from pipeline_orchestration.worker_process import end_with

from .logs import Follow, logs_on_prefect
from .setup import keep_tidy


@dataclass(slots=True)
class _Visit:
    """A run as long as its groups come here."""

    prepared: Prepared
    follow: Follow
    stack: ExitStack
    groups: int = 0


_lock = threading.Lock()
_visits: dict[bytes, _Visit] = {}


@contextmanager
def set_up(work: bytes, parent: int) -> Iterator[tuple[Prepared, Follow]]:
    """Have this process log as a run does, for a group of it and for what Prefect says of that at its end.

    It stays so until a group of another run comes: a worker of a cluster outlives them all. A process that
    the run has started ends with the one it started from.

    Args:
        work: of the run, packed.
        parent: the id of the process that the run was started in, on this machine or another.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
    """
    with _lock:
        if work not in _visits:
            _end_idle()
            _visits[work] = _begun(work)
        visit = _visits[work]
        visit.groups += 1
        _end_with(parent)
    try:
        yield visit.prepared, visit.follow
    finally:
        with _lock:
            visit.groups -= 1


def _begun(work: bytes) -> _Visit:
    prepared, stack = unpack_work(work), ExitStack()
    run, level = prepared.work.run_id, prepared.work.config.log_level
    keep_tidy(run)
    stack.enter_context(at_level(level))
    return _Visit(
        prepared, stack.enter_context(logs_on_prefect(run, prepared.specs, level, printed=True)), stack
    )


def _end_idle() -> None:
    for work, visit in list(_visits.items()):
        if not visit.groups:
            visit.stack.close()
            del _visits[work]


@cache  # one thread is enough
def _end_with(parent: int) -> None:
    if os.getppid() == parent:
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
