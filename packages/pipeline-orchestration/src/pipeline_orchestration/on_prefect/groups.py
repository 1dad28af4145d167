"""Many inputs on Prefect: groups of them are task runs, given to a task runner, some at a time."""

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from queue import SimpleQueue
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from pipeline_jobs import shown
from pipeline_orchestration import local
from pipeline_orchestration.context import RunContext
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.groups import MANY, grouped, pack, results_of, unpacked
from pipeline_orchestration.logs import at_level
from pipeline_orchestration.names import LogLevel
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.sequence import Execute, label, not_run, run_all, stops_all
from pipeline_orchestration.worker_process import end_with, undisturbed

from .tasks import as_tasks

# Measured by benchmarks/task_runners.py: a group costs 10 to 30 ms, an input 5 ms and more.
_GROUP = 100
_BYTES = 64_000_000
_GROUPS = 4  # for each worker at least, so that none is idle for long at the end
_AHEAD = 2  # groups that a task runner has for each worker, so that none waits for the next
_for_good = ExitStack()
_MOST_LOST = 8  # groups in a row, without one that is done


class Prepared:
    """What runs a group in this process: no collection, in all of which Prefect would look for futures.

    Args:
        specs: the jobs.
        context: their surroundings.
        engine: what runs them.
    """

    def __init__(self, specs: tuple[JobSpec, ...], context: RunContext, engine: str) -> None:
        self.specs = specs
        self.context = context
        self.engine = engine


class GroupFailedError(Exception):
    """What a group raises for Prefect to see that inputs failed; it carries all results.

    Args:
        results: of the inputs, or these packed.
        text: what is told of them.
    """

    def __init__(self, results: bytes | list[RunResult], text: str) -> None:
        super().__init__(results, text)
        self.results = results
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__  # Prefect shows it in states and logs


@dataclass(frozen=True, slots=True)
class Parts:
    """How a run is divided.

    Args:
        work: what runs a group where the task runner puts it: packed, if that may be another process.
        inputs: all of them.
        workers: how many groups are worked on at a time, as far as is known.
        engine: what results say ran them.
    """

    work: bytes | Prepared
    inputs: Sequence[str]
    workers: int
    engine: str

    @property
    def seen(self) -> bool:
        """Whether the inputs are so few that a person looks at the task runs of their jobs."""
        return len(self.inputs) <= MANY

    def groups(self) -> Iterator[list[int]]:
        """Yield the positions of the inputs of each group."""
        share = len(self.inputs) // (_GROUPS * self.workers)
        return grouped(self.inputs, 1 if self.seen else max(1, min(_GROUP, share)), _BYTES)

    def parameters(self, group: Sequence[int]) -> dict[str, Any]:
        """Return what the task of a group is called with."""
        texts = [self.inputs[position] for position in group]
        more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
        return {
            "work": self.work,
            "inputs": texts,
            "seen": self.seen,
            "parent": os.getpid(),
            "run_name": f"{label(texts[0]).rpartition('/')[2]}{more}",
        }


def in_turn(parts: Parts) -> Iterator[tuple[int, RunResult]]:
    """Run one group after another in this thread, and yield positions and results."""
    stopped: RunResult | None = None
    for group in parts.groups():
        if stopped is None:
            try:
                results = _results(_task(**parts.parameters(group)))
            except GroupFailedError as failed:
                results = _results(failed.results)
        else:
            results = [not_run(parts.inputs[position], parts.engine, stopped) for position in group]
        stopped = stopped or next(filter(stops_all, results), None)
        yield from zip(group, results, strict=True)


class Spread:
    """Groups on their way through a task runner, which may lose some.

    Args:
        parts: the groups.
        runner: not entered yet.
        stopping: set where the run ends before its groups do.
    """

    def __init__(self, parts: Parts, runner: TaskRunner[Any], stopping: threading.Event) -> None:
        self._stopping = stopping
        self._parts = parts
        self._runner = runner
        self._most = _AHEAD * parts.workers
        self._waiting = deque(parts.groups())
        self._flying: dict[PrefectFuture[Any], list[int]] = {}
        self._landed: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
        self._tried: set[int] = set()
        self._lost = 0
        self._stopped: RunResult | None = None

    def results(self) -> Iterator[tuple[int, RunResult]]:
        """Yield positions and results in the order in which they are known.

        Raises:
            OrchestrationError: ``orchestration.task_runner``: the task runner does not start, or loses all.
        """
        while self._waiting:
            # Anew where a group was lost: a pool of processes is then broken.
            with ExitStack() as stack:
                with undisturbed():
                    runner = stack.enter_context(self._runner.duplicate())
                try:
                    yield from self._flown(runner)
                except BaseException:
                    self._stopping.set()  # before the task runner waits for what it is still doing
                    raise

    def _flown(self, runner: TaskRunner[Any]) -> Iterator[tuple[int, RunResult]]:
        """Have a task runner run what is waiting, until it loses a group."""
        lost = False
        while True:
            while self._waiting and len(self._flying) < self._most and not lost:
                self._submit(runner, self._waiting.popleft())
            if not self._flying:
                return
            future = self._landed.get()
            group = self._flying.pop(future)
            outcome = _outcome(future)
            lost = lost or isinstance(outcome, str)
            yield from self._taken(group, outcome)

    def _submit(self, runner: TaskRunner[Any], group: list[int]) -> None:
        with undisturbed():
            future = runner.submit(_task, self._parts.parameters(group))
        self._flying[future] = group
        future.add_done_callback(self._landed.put)

    def _taken(self, group: list[int], outcome: list[RunResult] | str) -> Iterator[tuple[int, RunResult]]:
        results = self._lose(group, outcome) if isinstance(outcome, str) else outcome
        self._lost = self._lost + 1 if isinstance(outcome, str) else 0
        if self._lost > _MOST_LOST:
            text = f"{self._lost} groups of inputs were lost one after another: {outcome}"
            raise OrchestrationError("orchestration.task_runner", text)
        for position, result in zip(group, results, strict=False):
            yield position, result
            if stops_all(result) and self._stopped is None:
                self._stopped = result
        if self._stopped:
            for position in (position for waiting in self._waiting for position in waiting):
                yield position, not_run(self._parts.inputs[position], self._parts.engine, self._stopped)
            self._waiting.clear()

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
            return _results(results)
        case bytes() | list():
            return _results(value)
        case OrchestrationError():
            raise value
        case other:
            return shown(f"{type(other).__name__}: {other}".partition("\n")[0])


def _results(value: bytes | list[RunResult]) -> list[RunResult]:
    return results_of(value) if isinstance(value, bytes) else value


def _run_group(
    work: bytes | Prepared,
    inputs: Sequence[str],
    seen: bool,  # noqa: FBT001  # Prefect passes parameters by name
    parent: int,
    run_name: str,  # noqa: ARG001  # for Prefect
) -> bytes | list[RunResult]:
    if isinstance(work, bytes):
        specs, context, engine = unpacked(work)
        _set_up(parent, context.config.log_level)
    else:
        specs, context, engine = work.specs, work.context, work.engine
    execute: Execute = as_tasks(specs) if seen else local.execute
    results = list(run_all(specs, inputs, context, engine, execute))
    failed = [result for result in results if not result.success]
    outcome = pack(results) if isinstance(work, bytes) else results
    if failed:
        first = f"{failed[0].last.job} {failed[0].input}: {failed[0].code}: {failed[0].error}".lstrip()
        raise GroupFailedError(outcome, shown(f"{len(failed)} of {len(results)} inputs failed; {first}"))
    return outcome


@cache
def _set_up(parent: int, level: LogLevel) -> None:
    """Have this process log as the run does, and end with the one that has started it, where that is so."""
    _for_good.enter_context(at_level(level))
    if os.getppid() == parent:
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()


_task = Task(
    _run_group,
    name="group",
    task_run_name="{run_name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
