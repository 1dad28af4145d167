"""A job as a Prefect task: it fails where the job fails, and is tried again as the job's definition says."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.utilities.annotations import quote

from pipeline_jobs import BaseJob, BatchId, JobResult, shown
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.errors import JobTimeoutError
from pipeline_orchestration.local import Slot, attempt, unlimited
from pipeline_orchestration.sequence import Execute

from .marks import batch_tag, job_tag, pipeline_tag, tag_task_run


class JobFailedError(Exception):
    """What a task raises for Prefect to see that the job failed; it carries the result.

    Args:
        result: of the job.
    """

    def __init__(self, result: JobResult[Any]) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        return shown(f"{self.result.code}: {self.result.error}")

    __repr__ = __str__  # Prefect shows it in states and logs


class JobTimedOutError(JobFailedError, TimeoutError):
    """What it raises where the job took too long: of a ``TimeoutError`` Prefect makes the state ``TimedOut``.

    Prefect's own `timeout_seconds` would lose what the job counted, and the time that it waited for its turn
    would be the job's.
    """


type JobTask = Task[[BaseJob[Any, Any], object, str], JobResult[Any]]


def make_job_task(
    spec: JobSpec, description: str | None = None, *, tags: Sequence[str] = (), slot: Slot = unlimited
) -> JobTask:
    """Make the Prefect task of a job.

    The task takes the job as its factory built it, the value it is to work on and the name of its run, and
    returns the ``JobResult``.

    Args:
        spec: the job as its definition has it.
        description: what the job is for.
        tags: of its runs, beside that of the job and of the batch it comes to.
        slot: has an execution wait for its turn.

    Raises:
        JobFailedError: the job failed.
    """
    # What goes to other processes with the task is its policy, and not what built the job.
    spec = replace(spec, factory=_built_before)

    def execute(job: BaseJob[Any, Any], value: object, run_name: str) -> JobResult[Any]:  # noqa: ARG001  # for Prefect
        tag_task_run(job_tag(spec.name), *tags)
        result = attempt(spec, job, value, slot)
        if isinstance(result.output, BatchId):
            tag_task_run(batch_tag(result.output))
        if not result.success:
            failed = JobTimedOutError if isinstance(result.exception, JobTimeoutError) else JobFailedError
            raise failed(result) from result.exception
        return result

    return Task(
        execute,
        name=spec.name,
        description=description,
        task_run_name="{run_name}",
        retries=spec.retries,
        retry_delay_seconds=list(spec.delays) or None,
        retry_jitter_factor=spec.retry_jitter_factor or None,  # Prefect refuses to vary by 0
        retry_condition_fn=_retriable,
        # Prefect's default hashes the source of the function, which is the same for every job.
        cache_policy=NO_CACHE,
        # Prefect's serializer interprets what it reads back; records stay out of its results.
        persist_result=False,
    )


def as_tasks(pipeline: str, slot: Slot, follow: Callable[[object], None]) -> Execute:
    """Return what executes each job as a task run of its own, named as `A sample.txt`.

    The tasks are made when their jobs are first known.

    Args:
        pipeline: the name of their pipeline.
        slot: has an execution wait for its turn.
        follow: told of each job before it is executed.
    """
    made: dict[str, JobTask] = {}

    def task_of(spec: JobSpec, job: BaseJob[Any, Any]) -> JobTask:
        if spec.name not in made:
            said = inspect.getdoc(type(job))  # what a class says of itself is the task's description
            description = None if said == inspect.getdoc(BaseJob) else said
            made[spec.name] = make_job_task(spec, description, tags=[pipeline_tag(pipeline)], slot=slot)
        return made[spec.name]

    def execute(spec: JobSpec, job: BaseJob[Any, Any], value: object, name: str) -> JobResult[Any]:
        follow(job)
        try:
            # Quoted: Prefect would look for futures in all of the data, and give up on deep nesting.
            return task_of(spec, job)(job, quote(value), f"{spec.name} {name.rpartition('/')[2]}")
        except JobFailedError as failed:
            return failed.result

    return execute


def _built_before(_run: object) -> BaseJob[Any, Any]:
    raise NotImplementedError


def _retriable(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, JobFailedError) and state.data.result.retriable
