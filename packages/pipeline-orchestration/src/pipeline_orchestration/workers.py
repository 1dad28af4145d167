"""The local engine in several processes: groups of inputs go to workers, one of which may be lost.

Each worker is a pool of one process: where a process is killed, a pool of many is broken as a whole, and does
not know what it was that was not done.
"""

import logging
import os
import re
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from loky.backend import get_context
from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from .errors import OrchestrationError
from .groups import grouped
from .labels import label
from .limits import FileSlots
from .packing import pack_work, unpack_results
from .passwords import password_for_children
from .result import RunResult
from .stops import Stops
from .work import Work
from .worker_logs import logs_received
from .worker_process import LOGS, begin, undisturbed, work

type Finished = Callable[[RunResult], None]
"""Told each result as it is known, in any order."""

# Per call a worker costs 0.25 ms, an input 1 ms and more; progress is shown by the group.
_GROUP = 16
_GROUPS = 4  # for each worker at least, so that none is idle for long at the end
_BYTES = 4_000_000
_PATIENCE = 2.0  # seconds for workers to undo what is half done; all is to end within five
_MOST_LOST = 8  # workers in a row, without one group done

_log = logging.getLogger(__name__)


class _Worker:
    """A process that works on one group at a time."""

    def __init__(self, folder: Path, run: Work) -> None:
        # Not a fork, as threads may be at work here. And unlike multiprocessing's way to start afresh, this
        # one does not import the script again that a user has started, which need not be guarded.
        with undisturbed():
            self._pool = ProcessPoolExecutor(
                1,
                context=get_context("loky"),
                initializer=begin,
                initargs=(
                    os.getpid(),
                    folder,
                    logging.root.level,
                    logging.root.manager.disable,
                    run.config.log_level,
                ),
                env=password_for_children(run.config),
            )
        self.group: list[int] = []

    def submit(self, packed: bytes, group: list[int], inputs: Sequence[str]) -> Future[bytes]:
        """Have the worker, which is idle, work on a group."""
        self.group = group
        with undisturbed():
            future: Future[bytes] = self._pool.submit(work, packed, [inputs[each] for each in group])
        return future

    def ask_to_end(self) -> None:
        """Have the worker undo what is half done."""
        for pid in list(self._pool._processes or ()):  # noqa: SLF001  # there is no other way to know
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def end(self) -> None:
        """End the worker, whatever it does."""
        self._pool.shutdown(wait=True, kill_workers=True)


class _Run:
    """Inputs on their way through workers."""

    def __init__(self, run: Work, inputs: Sequence[str], folder: Path, done: Finished) -> None:
        self._run = run
        self._packed = b""
        self._inputs = inputs
        self._folder = folder
        self._done = done
        count = len(inputs) // (_GROUPS * run.config.concurrency)
        self._waiting = deque(grouped(inputs, max(1, min(_GROUP, count)), _BYTES))
        self._at_work: dict[Future[bytes], _Worker] = {}
        self._idle: list[_Worker] = []
        self._lost = 0
        self._stops = Stops()
        self.results: dict[int, RunResult] = {}

    def finish(self, workers: int) -> None:
        """Have all inputs run by so many workers."""
        try:
            self._packed = pack_work(self._run)
        except OrchestrationError as error:
            self._keep(self._waiting[0].pop(0), self._failed(0, error))
            return
        self._idle = [_Worker(self._folder, self._run) for _ in range(min(workers, len(self._waiting)))]
        try:
            while self._waiting or self._at_work:
                while self._waiting and self._idle:
                    # It counts as idle until it is at work: whoever ends all of them in between finds it.
                    group, worker = self._waiting.popleft(), self._idle[-1]
                    self._at_work[worker.submit(self._packed, group, self._inputs)] = worker
                    self._idle.pop()
                for future in wait(self._at_work, return_when=FIRST_COMPLETED).done:
                    self._take(future, self._at_work.pop(future))
        finally:
            self._end()

    def _take(self, future: Future[bytes], worker: _Worker) -> None:
        try:
            results = unpack_results(future.result())
        except BrokenProcessPool as error:
            worker.end()
            self._idle.append(_Worker(self._folder, self._run))
            self._lose(worker.group, error)
            return
        except OrchestrationError as error:
            results = [self._failed(position, error) for position in worker.group]
        self._idle.append(worker)
        self._lost = 0
        for position, result in zip(worker.group, results, strict=True):
            self._keep(position, result)

    def _lose(self, group: list[int], error: BrokenProcessPool) -> None:
        """Try the inputs of a lost worker again, each by itself: one of them may be at fault."""
        self._lost += 1
        text = "a worker process was lost, and with it %d inputs, tried again one by one: %s"
        if len(group) > 1:
            _log.warning(text, len(group), _reason(error))
        if self._lost > _MOST_LOST:
            text = f"{self._lost} worker processes were lost one after another: {_reason(error)}"
            self._keep(group[0], self._failed(group[0], OrchestrationError("orchestration.failed", text)))
            group = group[1:]
        if len(group) > 1:
            self._waiting.extendleft([each] for each in reversed(group))
            self._drop_vain()
        elif group:
            text = f"its worker process was lost: {_reason(error)}"
            text += "; run the same command again, with a lower --concurrency if memory was short"
            lost = OrchestrationError("orchestration.worker_lost", text, retriable=True)
            self._keep(group[0], self._failed(group[0], lost))

    def _keep(self, position: int, result: RunResult) -> None:
        self.results[position] = result
        self._done(result)
        if self._stops.learn(self._inputs[position], result):
            self._drop_vain()

    def _drop_vain(self) -> None:
        """Give up those that wait and need not be tried any more."""
        waiting, self._waiting = self._waiting, deque()
        for group in waiting:
            left, vain = self._stops.parted(group, self._inputs, self._run.engine)
            for position, result in vain:
                self._keep(position, result)
            if left:
                self._waiting.append(left)

    def _failed(self, position: int, error: OrchestrationError) -> RunResult:
        return RunResult(label(self._inputs[position]), self._run.engine, exception=error)

    def _end(self) -> None:
        """End all workers; of what is half done, those may undo it that were at work."""
        workers = {*self._at_work.values(), *self._idle}
        for worker in workers:
            worker.ask_to_end()
        wait(self._at_work, _PATIENCE)
        for worker in workers:
            worker.end()


def run_in_processes(run: Work, inputs: Sequence[str], done: Finished) -> list[RunResult]:
    """Run inputs in as many processes as the settings say, and return a result for each, in their order.

    Args:
        run: which jobs, with which settings.
        inputs: as an engine is given them.
        done: called with each result, in the order in which they are known.
    """
    with _folder() as folder, logs_received(folder / LOGS):
        running = _Run(replace(run, slot=FileSlots(folder), turns=folder / "turns"), inputs, folder, done)
        running.finish(run.config.concurrency)
    return [running.results[position] for position in range(len(inputs))]


@contextmanager
def _folder() -> Iterator[Path]:
    """Lend a folder that is this user's alone; sockets have short names."""
    with tempfile.TemporaryDirectory(prefix="pipeline-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _reason(error: BrokenProcessPool) -> str:
    codes = re.search(r"exit codes? of the workers? (?:is|are) \{(.+?)\}", str(error))
    return codes[1] if codes else str(error).partition("\n")[0].strip()
