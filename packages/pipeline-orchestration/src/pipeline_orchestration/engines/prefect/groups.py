"""Groups of inputs on Prefect: in turn within the flow, or as task runs spread by a task runner."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from pipeline_jobs import Interruption, PipelineError
from pipeline_jobs.escaping import escape
from pipeline_orchestration.context import RunProgress
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.engines.processes.credentials import export_secrets
from pipeline_orchestration.engines.processes.serialization import (
    dump_inputs,
    dump_results,
    dump_spec,
    load_inputs,
    load_results,
)
from pipeline_orchestration.engines.processes.worker import block_terminal_signals
from pipeline_orchestration.execution.concurrency_limits import open_run_folder
from pipeline_orchestration.execution.job_loop import Execute, JobLoop
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.execution.scheduler import MANY, Scheduler, WorkerLostError, group_inputs
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.results import RunResult
from pipeline_orchestration.settings.config import TaskRunnerName

from .log_handler import FollowLogger
from .progress import combine_progress
from .task_runners import count_workers, start_task_runner
from .tasks import make_task_execution
from .worker import open_job_loop

# Measured by benchmarks/task_runners.py: a group costs 10 to 30 ms, an input 5 ms and more.
_GROUP_COUNT = 100
_GROUP_BYTES = 64_000_000
_GROUPS_AHEAD = 2  # per worker, so that none waits for its next group
_MAX_LOSSES = 2  # a lost worker of a cluster may have been at fault once


class StoppedError(Interruption):
    """The run ends before its groups do; no failure of a job."""


class GroupFailedError(Exception):
    """Raised by a group's task to show in Prefect that inputs failed; carries all results of the group.

    Args:
        results: of the inputs; pickled if the group ran in another process.
        text: names the first failure.
    """

    def __init__(self, results: bytes | list[RunResult], text: str) -> None:
        super().__init__(results, text)
        self.results = results
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__  # shown by Prefect in states and logs


def run_groups(
    spec: RunSpec,
    pipeline: str,
    jobs: Sequence[JobSpec],
    inputs: Sequence[RunInput],
    follow: FollowLogger,
    artifact_progress: RunProgress,
    progress: RunProgress | None,
) -> Iterator[tuple[int, RunResult]]:
    """Run inputs within a flow run; yield positions and results as they are known.

    Args:
        spec: the run.
        pipeline: its name.
        jobs: its range of jobs.
        inputs: any number.
        follow: told of each job that runs in this process.
        artifact_progress: called now and then by jobs that take long, also by several at a time.
        progress: the same, where one input is worked on at a time.

    Raises:
        OrchestrationError: the task runner does not start, or the definition cannot be pickled for it.
    """
    name = spec.config.requested_task_runner or TaskRunnerName.THREADS
    # Of few inputs, a person looks at the task runs of their jobs; of many, at those of groups.
    few = len(inputs) <= MANY
    execute = make_task_execution(pipeline, spec.limiter, follow) if few else None
    if name is TaskRunnerName.THREADS and spec.config.concurrency == 1:
        loop = JobLoop(spec, jobs, combine_progress(artifact_progress, progress))
        yield from _run_in_turn(loop, inputs, execute)
        return
    stopping = Event()

    def stop_if_asked(*_: object) -> None:
        if stopping.is_set():
            raise StoppedError

    with open_run_folder() as folder, export_secrets(spec):
        spec = replace(spec, write_lock=folder / "write.lock")
        make_group: Callable[[list[RunInput]], _Group]
        if name is TaskRunnerName.THREADS:
            loop = JobLoop(spec, jobs, combine_progress(stop_if_asked, artifact_progress))
            make_group = partial(_LocalGroup, loop, execute=execute)
        else:
            make_group = partial(_PackedGroup, dump_spec(spec), pipeline=pipeline, shows_jobs=few)
        yield from _run_on_task_runner(name, spec, folder, inputs, make_group, stopping)


def _run_in_turn(
    loop: JobLoop, inputs: Sequence[RunInput], execute: Execute | None
) -> Iterator[tuple[int, RunResult]]:
    """Run inputs one after another in this thread; without `execute`, as the task runs of groups."""
    if execute:
        scheduler = Scheduler(inputs, group_inputs(inputs, 1, _GROUP_BYTES), loop.spec.engine)
        yield from scheduler.run_in_turn(partial(loop.run, execute=execute))
        return

    def submit(group: list[int]) -> Future[list[RunResult]]:
        future: Future[list[RunResult]] = Future()
        future.set_result(_run_as_task(_LocalGroup(loop, [inputs[position] for position in group])))
        return future

    scheduler = Scheduler(inputs, group_inputs(inputs, _GROUP_COUNT, _GROUP_BYTES), loop.spec.engine)
    yield from scheduler.run(submit, Future.result)


def _run_on_task_runner(
    name: TaskRunnerName,
    spec: RunSpec,
    folder: Path,
    inputs: Sequence[RunInput],
    make_group: "Callable[[list[RunInput]], _Group]",
    stopping: Event,
) -> Iterator[tuple[int, RunResult]]:
    """Run inputs as the task runs of groups, several at a time; set `stopping` if the run ends early."""
    workers = count_workers(name, spec.config)
    max_count = 1 if len(inputs) <= MANY else _GROUP_COUNT
    scheduler = Scheduler(
        inputs,
        group_inputs(inputs, max_count, _GROUP_BYTES, workers),
        spec.engine,
        capacity=_GROUPS_AHEAD * workers,
        max_losses=_MAX_LOSSES,
        # A pool of processes is broken by one that is killed; a cluster goes on.
        isolate_retries=name is TaskRunnerName.PROCESSES,
        give_up_code="orchestration.task_runner",
    )
    while scheduler.has_waiting:  # again, with new workers, after one was lost
        with start_task_runner(name, spec.config, folder) as runner:

            def submit(group: list[int], runner: TaskRunner[Any] = runner) -> PrefectFuture[Any]:
                parameters = make_group([inputs[position] for position in group]).make_parameters()
                with block_terminal_signals():
                    future: PrefectFuture[Any] = runner.submit(_group_task, parameters)
                return future

            try:
                yield from scheduler.run(submit, _collect, stop_on_loss=True)
            except BaseException:
                stopping.set()  # before the task runner waits for its workers
                raise


class _Group(ABC):
    """A group of inputs, the parameter of its task; no dataclass: Prefect would search that for futures.

    Args:
        label: of the first input.
        count: of the inputs.
    """

    def __init__(self, label: str, count: int) -> None:
        name = label.rpartition("/")[2]
        self.run_name = f"{name} and {count - 1} more" if count > 1 else name

    def make_parameters(self) -> dict[str, Any]:
        """Return what the group's task is called with."""
        return {"group": self, "run_name": self.run_name}

    @abstractmethod
    def run(self) -> list[RunResult]:
        """Run the jobs over the inputs."""

    def pack(self, results: list[RunResult]) -> bytes | list[RunResult]:
        """Return the results as they go back to the flow."""
        return results


class _LocalGroup(_Group):
    """A group that runs in the flow's process."""

    def __init__(self, loop: JobLoop, inputs: list[RunInput], execute: Execute | None = None) -> None:
        super().__init__(inputs[0].label, len(inputs))
        self._loop = loop
        self._inputs = inputs
        self._execute = execute

    def run(self) -> list[RunResult]:
        return self._loop.run_group(self._inputs, self._execute)


class _PackedGroup(_Group):
    """A group that runs in another process, on this machine or another."""

    def __init__(
        self, packed_spec: bytes, inputs: list[RunInput], *, pipeline: str, shows_jobs: bool
    ) -> None:
        super().__init__(inputs[0].label, len(inputs))
        self._packed_spec = packed_spec
        self._packed_inputs = dump_inputs(inputs)
        self._pipeline = pipeline
        self._shows_jobs = shows_jobs
        self._parent = os.getpid()

    def run(self) -> list[RunResult]:
        with open_job_loop(self._packed_spec, self._parent) as (loop, follow):
            execute = (
                make_task_execution(self._pipeline, loop.spec.limiter, follow) if self._shows_jobs else None
            )
            return loop.run_group(load_inputs(self._packed_inputs), execute)

    def pack(self, results: list[RunResult]) -> bytes | list[RunResult]:
        return dump_results(results)


def _run_group(group: _Group, run_name: str) -> bytes | list[RunResult]:  # noqa: ARG001  # for Prefect
    results = group.run()
    failed = [result for result in results if not result.success]
    outcome = group.pack(results)
    if failed:
        first = f"{failed[0].last.job} {failed[0].input}: {failed[0].code}: {failed[0].error}".lstrip()
        raise GroupFailedError(outcome, escape(f"{len(failed)} of {len(results)} inputs failed; {first}"))
    return outcome


_group_task = Task(
    _run_group, name="group", task_run_name="{run_name}", cache_policy=NO_CACHE, persist_result=False
)


def _run_as_task(group: _Group) -> list[RunResult]:
    try:
        return _unpack(_group_task(**group.make_parameters()))
    except GroupFailedError as failed:
        return _unpack(failed.results)


def _collect(future: PrefectFuture[Any]) -> list[RunResult]:
    """Return the results of a group's task.

    Raises:
        WorkerLostError: its worker ended before.
        PipelineError: the worker could not run the group.
    """
    try:
        value = future.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001  # each task runner has its own error for a lost worker
        value = error
    match value:
        case GroupFailedError(results=results):
            return _unpack(results)
        case bytes() | list():
            return _unpack(value)
        case PipelineError():
            raise value
        case other:
            raise WorkerLostError(escape(f"{type(other).__name__}: {other}".partition("\n")[0]))


def _unpack(outcome: bytes | list[RunResult]) -> list[RunResult]:
    return load_results(outcome) if isinstance(outcome, bytes) else outcome
