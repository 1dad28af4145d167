"""A group of inputs as one task run, in whatever process a task runner puts it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE

from pipeline_jobs import shown
from pipeline_orchestration.groups import MANY, grouped
from pipeline_orchestration.labels import label
from pipeline_orchestration.packing import pack_results, unpack_results
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.stops import Stops
from pipeline_orchestration.work import Prepared

from .logs import Follow
from .tasks import as_tasks
from .worker import set_up

# Measured by benchmarks/task_runners.py: a group costs 10 to 30 ms, an input 5 ms and more.
_GROUP = 100
_BYTES = 64_000_000
_GROUPS = 4  # for each worker at least, so that none is idle for long at the end


class InThisProcess:
    """What runs a group in this process, as a thread of it does.

    Args:
        prepared: the work.
        follow: told of each job.
    """

    def __init__(self, prepared: Prepared, follow: Follow) -> None:
        self.prepared = prepared
        self.follow = follow

    def lent(self) -> AbstractContextManager[tuple[Prepared, Follow]]:
        """Lend both for a group."""
        return nullcontext((self.prepared, self.follow))


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

    work: bytes | InThisProcess
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
    stops = Stops()
    for group in parts.groups():
        left, vain = stops.parted(group, parts.inputs, parts.engine)
        yield from vain
        if not left:
            continue
        try:
            results = group_results(group_task(**parts.parameters(left)))
        except GroupFailedError as failed:
            results = group_results(failed.results)
        for position, result in zip(left, results, strict=True):
            stops.learn(parts.inputs[position], result)
            yield position, result


def group_results(value: bytes | list[RunResult]) -> list[RunResult]:
    """Return the results of a group, wherever it ran."""
    return unpack_results(value) if isinstance(value, bytes) else value


def _run_group(
    work: bytes | InThisProcess,
    inputs: Sequence[str],
    seen: bool,  # noqa: FBT001  # Prefect passes parameters by name
    parent: int,
    run_name: str,  # noqa: ARG001  # for Prefect
) -> bytes | list[RunResult]:
    with set_up(work, parent) if isinstance(work, bytes) else work.lent() as (here, follow):
        results = here.run(inputs, as_tasks(here.work.name, here.work.slot, follow) if seen else None)
    failed = [result for result in results if not result.success]
    outcome = pack_results(results) if isinstance(work, bytes) else results
    if failed:
        first = f"{failed[0].last.job} {failed[0].input}: {failed[0].code}: {failed[0].error}".lstrip()
        raise GroupFailedError(outcome, shown(f"{len(failed)} of {len(results)} inputs failed; {first}"))
    return outcome


group_task = Task(
    _run_group,
    name="group",
    task_run_name="{run_name}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
