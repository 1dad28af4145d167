"""A group of inputs as one task run, in whatever process a task runner puts it."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE

from pipeline_jobs import shown
from pipeline_orchestration import local
from pipeline_orchestration.context import RunContext
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.groups import MANY, grouped, pack, results_of, unpacked
from pipeline_orchestration.logs import at_level
from pipeline_orchestration.names import LogLevel
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.sequence import Execute, label, not_run, run_all, stops_all
from pipeline_orchestration.worker_process import end_with

from .tasks import as_tasks

# Measured by benchmarks/task_runners.py: a group costs 10 to 30 ms, an input 5 ms and more.
_GROUP = 100
_BYTES = 64_000_000
_GROUPS = 4  # for each worker at least, so that none is idle for long at the end
_for_good = ExitStack()


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
                results = group_results(group_task(**parts.parameters(group)))
            except GroupFailedError as failed:
                results = group_results(failed.results)
        else:
            results = [not_run(parts.inputs[position], parts.engine, stopped) for position in group]
        stopped = stopped or next(filter(stops_all, results), None)
        yield from zip(group, results, strict=True)


def group_results(value: bytes | list[RunResult]) -> list[RunResult]:
    """Return the results of a group, wherever it ran."""
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


group_task = Task(
    _run_group,
    name="group",
    task_run_name="{run_name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
