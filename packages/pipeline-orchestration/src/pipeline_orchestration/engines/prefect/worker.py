"""A worker process of a task runner: its set-up for the runs whose groups come to it."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache

from pipeline_orchestration.engines.processes.serialization import load_job_loop
from pipeline_orchestration.engines.processes.worker import end_with_parent, print_line_by_line
from pipeline_orchestration.execution.import_path import leave_safe_path
from pipeline_orchestration.execution.job_loop import JobLoop
from pipeline_orchestration.log_levels import set_log_level

from .client_settings import hide_tracebacks_of_run
from .log_handler import FollowLogger, forward_logs


@dataclass(slots=True)
class _Visit:
    """A run whose groups come to this process."""

    loop: JobLoop
    follow: FollowLogger
    logging: ExitStack
    groups: int = 0


_lock = threading.Lock()
_visits: dict[bytes, _Visit] = {}


@contextmanager
def open_job_loop(packed_spec: bytes, parent: int) -> Iterator[tuple[JobLoop, FollowLogger]]:
    """Set this process up for a run, and lend what runs its jobs and follows their loggers.

    The set-up stays until a group of another run comes: Prefect logs the end of a group after the block, and
    the worker of a cluster outlives all runs. A process that the run has started ends with its parent.

    Args:
        packed_spec: the run.
        parent: the id of the process that started the run, on this machine or another.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
    """
    leave_safe_path()  # Prefect sets all variables of the flow's process again for each task
    with _lock:
        if packed_spec not in _visits:
            _end_idle_visits()
            _visits[packed_spec] = _begin_visit(packed_spec)
        visit = _visits[packed_spec]
        visit.groups += 1
        _watch_parent(parent)
    try:
        yield visit.loop, visit.follow
    finally:
        with _lock:
            visit.groups -= 1


def _begin_visit(packed_spec: bytes) -> _Visit:
    loop, stack = load_job_loop(packed_spec), ExitStack()
    run_id, level = loop.spec.run_id, loop.spec.config.log_level
    hide_tracebacks_of_run(run_id)
    print_line_by_line()
    stack.enter_context(set_log_level(level))
    follow = stack.enter_context(forward_logs(run_id, loop.jobs, level, printed=True))
    return _Visit(loop, follow, stack)


def _end_idle_visits() -> None:
    for packed_spec, visit in list(_visits.items()):
        if not visit.groups:
            visit.logging.close()
            del _visits[packed_spec]


@cache  # one thread is enough
def _watch_parent(parent: int) -> None:
    if os.getppid() == parent:
        threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
