"""Pool of worker processes of the local engine.

Each worker is a pool of one process. A pool of several breaks as a whole when one of its processes is killed,
and does not know which group was lost.
"""

import logging
import multiprocessing
import multiprocessing.resource_tracker
import os
import re
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import loky.backend.resource_tracker
from loky.backend import get_context
from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.execution.concurrency_limits import FileLimiter, open_run_folder
from pipeline_orchestration.execution.failure_scope import make_missing_results
from pipeline_orchestration.execution.import_path import get_safe_path_variables, start_with_safe_path
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.execution.scheduler import Scheduler, WorkerLostError, group_inputs
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.results import RunResult

from .credentials import get_secret_variables
from .log_forwarding import receive_logs
from .serialization import dump_inputs, dump_spec, load_results
from .worker import LOG_SOCKET, block_terminal_signals, run_group, set_up_worker

# A call costs a worker 0.25 ms, an input 1 ms and more; progress is shown group by group.
_GROUP_COUNT = 16
_GROUP_BYTES = 4_000_000
_SECONDS_TO_UNDO = 2.0  # for workers to roll back what they began; the command ends within five seconds


class _Worker:
    """A process that works on one group at a time."""

    def __init__(self, spec: RunSpec, folder: Path) -> None:
        # No fork, as other threads may run here. Unlike multiprocessing's spawn, loky does not import the
        # user's script again, which therefore needs no `if __name__ == "__main__"`.
        with block_terminal_signals():
            self._executor = ProcessPoolExecutor(
                1,
                context=get_context("loky"),
                initializer=set_up_worker,
                initargs=(
                    os.getpid(),
                    folder,
                    multiprocessing.get_start_method(allow_none=True),
                    logging.root.level,
                    logging.root.manager.disable,
                    spec.config.log_level,
                ),
                env=get_secret_variables(spec) | get_safe_path_variables(),
            )

    def submit(self, packed_spec: bytes, inputs: list[RunInput]) -> Future[bytes]:
        """Hand the idle worker a group."""
        with block_terminal_signals():
            future: Future[bytes] = self._executor.submit(run_group, packed_spec, dump_inputs(inputs))
        return future

    def terminate(self) -> None:
        """Ask the worker to undo what it began, and to end."""
        for pid in list(self._executor._processes or ()):  # noqa: SLF001  # the executor has no public list
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the worker at once."""
        self._executor.shutdown(wait=True, kill_workers=True)


class _WorkerPool:
    """Idle and busy workers; a lost one is replaced.

    Args:
        spec: of the run.
        packed_spec: the same, as the workers get it.
        inputs: of the run.
        folder: of the run, for sockets and locks.
        size: how many workers.
    """

    def __init__(
        self, spec: RunSpec, packed_spec: bytes, inputs: Sequence[RunInput], folder: Path, size: int
    ) -> None:
        self._spec = spec
        self._packed_spec = packed_spec
        self._inputs = inputs
        self._folder = folder
        self._busy: dict[Future[bytes], _Worker] = {}
        self._idle: list[_Worker] = [_Worker(spec, folder) for _ in range(size)]

    def submit(self, group: list[int]) -> Future[bytes]:
        """Hand a group to an idle worker."""
        # The worker stays in the list until it is busy: if a signal comes in between, `close` finds it.
        worker = self._idle[-1]
        future = worker.submit(self._packed_spec, [self._inputs[position] for position in group])
        self._busy[future] = worker
        self._idle.pop()
        return future

    def collect(self, future: Future[bytes]) -> list[RunResult]:
        """Return the results of a group that is done.

        Raises:
            WorkerLostError: the worker ended before.
            OrchestrationError: ``orchestration.definition``: the worker could not import the definition.
        """
        worker = self._busy.pop(future)
        try:
            return load_results(future.result())
        except BrokenProcessPool as error:
            worker.kill()
            worker = _Worker(self._spec, self._folder)
            raise WorkerLostError(_explain(error)) from error
        finally:
            self._idle.append(worker)

    def close(self) -> None:
        """End all workers; those that are busy first undo what they began."""
        workers = {*self._busy.values(), *self._idle}
        for worker in workers:
            worker.terminate()
        wait(self._busy, _SECONDS_TO_UNDO)
        for worker in workers:
            worker.kill()


def run_in_processes(
    spec: RunSpec, inputs: Sequence[RunInput], on_result: Callable[[RunResult], object]
) -> list[RunResult]:
    """Run inputs in as many processes as the settings say; return a result for each, in their order.

    Args:
        spec: the run.
        inputs: any number.
        on_result: called with each result as it is known, in any order.
    """
    results: dict[int, RunResult] = {}
    with open_run_folder() as folder, receive_logs(folder / LOG_SOCKET):
        spec = replace(spec, limiter=FileLimiter(folder), write_lock=folder / "write.lock")
        try:
            packed_spec = dump_spec(spec)
        except OrchestrationError as error:
            failed = make_missing_results(inputs, {}, spec.engine, error)
            for result in failed:
                on_result(result)
            return failed
        groups = list(group_inputs(inputs, _GROUP_COUNT, _GROUP_BYTES, spec.config.concurrency))
        size = min(spec.config.concurrency, len(groups))
        with start_with_safe_path():  # the first worker would start them without it
            multiprocessing.resource_tracker.ensure_running()
            loky.backend.resource_tracker.ensure_running()
        pool = _WorkerPool(spec, packed_spec, inputs, folder, size)
        scheduler = Scheduler(inputs, groups, spec.engine, capacity=size)
        try:
            for position, result in scheduler.run(pool.submit, pool.collect):
                results[position] = result
                on_result(result)
        finally:
            pool.close()
    return [results[position] for position in range(len(inputs))]


def _explain(error: BrokenProcessPool) -> str:
    codes = re.search(r"exit codes? of the workers? (?:is|are) \{(.+?)\}", str(error))
    return codes[1] if codes else str(error).partition("\n")[0].strip()
