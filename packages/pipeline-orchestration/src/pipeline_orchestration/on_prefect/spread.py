"""Groups of inputs are given to a task runner, some at a time; those that it loses, again."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import Any

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from pipeline_jobs import shown
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.labels import label
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.stops import Stops
from pipeline_orchestration.worker_process import undisturbed

from .groups import GroupFailedError, Parts, group_results, group_task

_AHEAD = 2  # groups that a task runner has for each worker, so that none waits for the next
_MOST_LOST = 8  # groups in a row, without one that is done


class Spread:
    """Groups on their way through a task runner, which may lose some.

    Args:
        parts: the groups.
        start: lends a task runner that has started.
        stopping: set where the run ends before its groups do.
        breaks: whether a worker that is lost takes with it all that the others are working on.
    """

    def __init__(
        self,
        parts: Parts,
        start: Callable[[], AbstractContextManager[TaskRunner[Any]]],
        stopping: threading.Event,
        *,
        breaks: bool = False,
    ) -> None:
        self._stopping = stopping
        self._breaks = breaks
        self._parts = parts
        self._start = start
        self._most = _AHEAD * parts.workers
        self._waiting = deque(parts.groups())
        self._flying: dict[PrefectFuture[Any], list[int]] = {}
        self._landed: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
        self._tried: set[int] = set()
        self._lost = 0
        self._stops = Stops()

    def results(self) -> Iterator[tuple[int, RunResult]]:
        """Yield positions and results in the order in which they are known.

        Raises:
            OrchestrationError: ``orchestration.task_runner``: the task runner does not start, or loses all.
        """
        while self._waiting:
            # Anew where a group was lost: a pool of processes is then broken.
            with self._start() as runner:
                try:
                    yield from self._flown(runner)
                except BaseException:
                    self._stopping.set()  # before the task runner waits for what it is still doing
                    raise

    def _flown(self, runner: TaskRunner[Any]) -> Iterator[tuple[int, RunResult]]:
        """Have a task runner run what is waiting, until it loses a group."""
        lost = False
        while True:
            while self._waiting and not lost and self._may_fly(self._waiting[0]):
                self._submit(runner, self._waiting.popleft())
            if not self._flying:
                return
            future = self._landed.get()
            group = self._flying.pop(future)
            outcome = _outcome(future)
            lost = lost or isinstance(outcome, str)
            yield from self._taken(group, outcome)

    def _may_fly(self, group: list[int]) -> bool:
        """Return whether a group may be submitted now; where one breaks all, those once lost fly alone."""
        flying = [position for each in (*self._flying.values(), group) for position in each]
        if self._flying and self._breaks and not self._tried.isdisjoint(flying):
            return False
        return len(self._flying) < self._most

    def _submit(self, runner: TaskRunner[Any], group: list[int]) -> None:
        with undisturbed():
            future = runner.submit(group_task, self._parts.parameters(group))
        self._flying[future] = group
        future.add_done_callback(self._landed.put)

    def _taken(self, group: list[int], outcome: list[RunResult] | str) -> Iterator[tuple[int, RunResult]]:
        results = self._lose(group, outcome) if isinstance(outcome, str) else outcome
        self._lost = self._lost + 1 if isinstance(outcome, str) else 0
        if self._lost > _MOST_LOST:
            text = f"{self._lost} groups of inputs were lost one after another: {outcome}"
            raise OrchestrationError("orchestration.task_runner", text)
        stopping = False
        for position, result in zip(group, results, strict=False):
            yield position, result
            stopping |= self._stops.learn(self._parts.inputs[position], result)
        # A group that was lost waits again, and may be vain by now.
        if stopping or not results:
            yield from self._vain()

    def _vain(self) -> Iterator[tuple[int, RunResult]]:
        """Give up those that wait and need not be tried any more."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for group in waiting:
            left, vain = self._stops.parted(group, self._parts.inputs, self._parts.engine)
            yield from vain
            if left:
                self._waiting.append(left)

    def _lose(self, group: list[int], reason: str) -> list[RunResult]:
        """Have lost inputs run again, each by itself, and once: what was done before is found done."""
        if len(group) > 1 or group[0] not in self._tried:
            self._tried.update(group)
            self._waiting.extendleft([each] for each in reversed(group))
            return []
        text = f"its worker was lost, twice: {reason}; run the same command again"
        error = OrchestrationError("orchestration.worker_lost", text, retriable=True)
        return [RunResult(label(self._parts.inputs[group[0]]), self._parts.engine, exception=error)]


def _outcome(future: PrefectFuture[Any]) -> list[RunResult] | str:
    """Return the results of a group, or why it was lost."""
    try:
        value = future.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001  # each task runner has its own for a worker that was lost
        value = error
    match value:
        case GroupFailedError(results=results):
            return group_results(results)
        case bytes() | list():
            return group_results(value)
        case OrchestrationError():
            raise value
        case other:
            return shown(f"{type(other).__name__}: {other}".partition("\n")[0])
