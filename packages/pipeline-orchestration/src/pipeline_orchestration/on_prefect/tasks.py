"""A job as a Prefect task: it fails where the job fails, and is tried again as the job's definition says."""

from collections.abc import Sequence
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.utilities.annotations import quote

from pipeline_jobs import BaseJob, JobResult, shown
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.sequence import Execute


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


def make_job_task(spec: JobSpec) -> Task[[BaseJob[Any, Any], object, str], JobResult[Any]]:
    """Make the Prefect task of a job.

    The task takes the job as its factory built it, the value it is to work on and the name of its run, and
    returns the ``JobResult``.

    Raises:
        JobFailedError: the job failed.
    """
    return Task(
        _execute,
        name=spec.name,
        task_run_name="{run_name}",
        retries=spec.retries,
        retry_delay_seconds=list(spec.delays) or None,
        retry_condition_fn=_retriable,
        # Prefect's default hashes the source of the function, which is the same for every job.
        cache_policy=NO_CACHE,
        # Prefect's serializer interprets what it reads back; records stay out of its results.
        persist_result=False,
    )


def as_tasks(specs: Sequence[JobSpec]) -> Execute:
    """Return what executes each of these jobs as a task run of its own, named as `A sample.txt`."""
    tasks = {spec.name: make_job_task(spec) for spec in specs}

    def execute(spec: JobSpec, job: BaseJob[Any, Any], value: object, name: str) -> JobResult[Any]:
        try:
            # Quoted: Prefect would look for futures in all of the data, and give up on deep nesting.
            return tasks[spec.name](job, quote(value), f"{spec.name} {name.rpartition('/')[2]}")
        except JobFailedError as failed:
            return failed.result

    return execute


def _execute(job: BaseJob[Any, Any], value: object, run_name: str) -> JobResult[Any]:  # noqa: ARG001  # for Prefect
    result = job.execute(value)
    if not result.success:
        raise JobFailedError(result) from result.exception
    return result


def _retriable(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.data, JobFailedError) and state.data.result.retriable
