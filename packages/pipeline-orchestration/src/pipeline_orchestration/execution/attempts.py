"""Attempts at a job: one execution, and the retries that its definition allows."""

import logging
import os
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_jobs import BaseJob, InputError, JobResult, PipelineError
from pipeline_jobs.escaping import escape
from pipeline_jobs.storage.location import is_url
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.exceptions import OrchestrationError

from .concurrency_limits import Limiter, unlimited

if TYPE_CHECKING:
    from tenacity import RetryCallState

_log = logging.getLogger(__name__)


def is_retriable(spec: JobSpec, result: JobResult[Any]) -> bool:
    """Return whether a job may be executed again after a result; how often is another question."""
    if spec.retry_on is not None and not isinstance(result.exception, (PipelineError, *spec.retry_on)):
        return False
    return result.retriable


def retry_failed(
    spec: JobSpec,
    job: BaseJob[Any, Any],
    value: object,
    label: str,
    result: JobResult[Any],
    limiter: Limiter = unlimited,
) -> JobResult[Any]:
    """Execute a job again after a failed attempt, if its definition says so; return the last result.

    Args:
        spec: the job's definition.
        job: the job.
        value: its input.
        label: of the run's input.
        result: of the first attempt.
        limiter: keeps the concurrency limit.
    """
    if not (spec.retries and is_retriable(spec, result)):
        return result
    import tenacity  # noqa: PLC0415  # 0.03 s to import, after a retriable failure only

    def log_retry(state: "RetryCallState") -> None:
        error = _get_result(state).error
        _log.warning("%s %s failed, retrying in %.1f s: %s", spec.name, label, state.upcoming_sleep, error)

    # The range of Prefect's jitter, though Prefect draws from another distribution.
    jitter = 1 + (spec.retry_jitter_factor or 0)
    attempts = chain([result], (execute_once(spec, job, value, limiter) for _ in spec.delays))
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(1 + spec.retries),
        wait=tenacity.wait_chain(
            *(tenacity.wait_random(delay / jitter, delay * jitter) for delay in spec.delays)
        ),
        retry=tenacity.retry_if_result(partial(is_retriable, spec)),
        before_sleep=log_retry,
        retry_error_callback=_get_result,
    )
    return retrying(next, attempts)


def execute_once(
    spec: JobSpec, job: BaseJob[Any, Any], value: object, limiter: Limiter = unlimited
) -> JobResult[Any]:
    """Execute a job once, within its concurrency limit and its timeout; waiting is not its time.

    A job that takes files is not executed if its file is missing.
    """
    if (spec.takes or job.takes) == "files" and (missing := _check_exists(value)):
        return JobResult(spec.name, exception=missing, has_begun=False)
    try:
        with limiter(spec):
            job.name = spec.name  # an instance may be added under several names
            if spec.timeout_seconds is None:
                result = job.execute(value)
            else:
                from .timeouts import execute_with_timeout  # noqa: PLC0415  # for jobs with a timeout only

                result = execute_with_timeout(spec.timeout_seconds, job, value)
            # Another thread may have given the instance another name.
            return result if result.job == spec.name else replace(result, job=spec.name)
    except OSError as error:
        text = f"the lock files of the concurrency limit cannot be used: {error}"
        return JobResult(spec.name, exception=OrchestrationError("orchestration.turns", text))


def _check_exists(value: object) -> InputError | None:
    """Return the refusal of a file that is missing; whatever else is wrong with one, the job says."""
    if not isinstance(value, str | Path) or not value or (isinstance(value, str) and is_url(value)):
        return None
    try:
        os.stat(value)  # noqa: PTH116  # the quickest way, for many files
    except (FileNotFoundError, NotADirectoryError):
        return InputError("input.missing", f"{escape(Path(value).absolute())}: no such file")
    except (OSError, ValueError):
        pass
    return None


def _get_result(state: "RetryCallState") -> JobResult[Any]:
    assert state.outcome is not None  # noqa: S101  # it has been called by then
    return state.outcome.result()  # type: ignore[no-any-return]  # tenacity does not know what was called
