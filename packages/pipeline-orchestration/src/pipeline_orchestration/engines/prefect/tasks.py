"""Jobs as Prefect tasks: a task fails if its job fails, and is retried as the job's definition says."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.utilities.annotations import quote

from pipeline_jobs import BaseJob, BatchId, JobResult
from pipeline_jobs.escaping import escape
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.exceptions import JobTimeoutError
from pipeline_orchestration.execution.attempts import execute_once, is_retriable
from pipeline_orchestration.execution.concurrency_limits import Limiter, unlimited
from pipeline_orchestration.execution.job_loop import Execute

from .tags import make_batch_tag, make_job_tag, make_pipeline_tag, tag_task_run


class JobFailedError(Exception):
    """Raised by a task to show in Prefect that its job failed; carries the job's result.

    Args:
        result: of the job.
    """

    def __init__(self, result: JobResult[Any]) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        return escape(f"{self.result.code}: {self.result.error}")

    __repr__ = __str__  # shown by Prefect in states and logs


class JobTimedOutError(JobFailedError, TimeoutError):
    """The same for a job that took too long: a ``TimeoutError`` becomes Prefect's state ``TimedOut``.

    Prefect's own `timeout_seconds` would lose what the job counted, and would count the time that the job
    waited for its concurrency limit.
    """


type JobTask = Task[[BaseJob[Any, Any], object, str], JobResult[Any]]


def make_job_task(
    spec: JobSpec, description: str | None = None, *, tags: Sequence[str] = (), limiter: Limiter = unlimited
) -> JobTask:
    """Make the Prefect task of a job.

    The task takes the job as its factory built it, the value to work on and the name of its run; it returns
    the ``JobResult``.

    Args:
        spec: the job.
        description: its purpose, for people.
        tags: of its runs, beside those of the job and of its batch.
        limiter: keeps its concurrency limit.

    Raises:
        JobFailedError: the job failed.
    """
    # Other processes get the task with the job's policy; its factory may be a lambda.
    spec = replace(spec, factory=_refuse_to_build)

    def execute(job: BaseJob[Any, Any], value: object, run_name: str) -> JobResult[Any]:  # noqa: ARG001  # for Prefect
        tag_task_run(make_job_tag(spec.name), *tags)
        result = execute_once(spec, job, value, limiter)
        if isinstance(result.output, BatchId):
            tag_task_run(make_batch_tag(result.output))
        if not result.success:
            error = JobTimedOutError if isinstance(result.exception, JobTimeoutError) else JobFailedError
            raise error(result) from result.exception
        return result

    def may_retry(_task: object, _run: TaskRun, state: State[Any]) -> bool:
        return isinstance(state.data, JobFailedError) and is_retriable(spec, state.data.result)

    return Task(
        execute,
        name=spec.name,
        description=description,
        task_run_name="{run_name}",
        retries=spec.retries,
        retry_delay_seconds=list(spec.delays) or None,
        retry_jitter_factor=spec.retry_jitter_factor or None,  # Prefect refuses a factor of 0
        retry_condition_fn=may_retry,
        # Prefect's default hashes the source of the function, which is the same for every job.
        cache_policy=NO_CACHE,
        # Prefect's serializer interprets what it reads back; records stay out of its results.
        persist_result=False,
    )


def make_task_execution(pipeline: str, limiter: Limiter, follow: Callable[[object], None]) -> Execute:
    """Return what executes each job as a task run of its own, named like `A sample.txt`.

    Args:
        pipeline: the name of their pipeline.
        limiter: keeps the concurrency limits of the jobs.
        follow: called with each job before it is executed.
    """
    tasks: dict[str, JobTask] = {}

    def get_task(spec: JobSpec, job: BaseJob[Any, Any]) -> JobTask:
        if spec.name not in tasks:
            docstring = inspect.getdoc(type(job))
            description = None if docstring == inspect.getdoc(BaseJob) else docstring
            pipeline_tag = make_pipeline_tag(pipeline)
            tasks[spec.name] = make_job_task(spec, description, tags=[pipeline_tag], limiter=limiter)
        return tasks[spec.name]

    def execute(spec: JobSpec, job: BaseJob[Any, Any], value: object, label: str) -> JobResult[Any]:
        follow(job)
        try:
            # Quoted: Prefect would search all of the data for futures, and fail on deep nesting.
            return get_task(spec, job)(job, quote(value), f"{spec.name} {label.rpartition('/')[2]}")
        except JobFailedError as failed:
            return failed.result

    return execute


def _refuse_to_build(_run: object) -> BaseJob[Any, Any]:
    raise NotImplementedError
