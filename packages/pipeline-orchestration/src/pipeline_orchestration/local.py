"""The engine that needs nothing: jobs run in this process, one after another."""

import logging
from itertools import chain
from typing import TYPE_CHECKING, Any

from pipeline_jobs import BaseJob, JobResult

from .definition import JobSpec

if TYPE_CHECKING:
    from tenacity import RetryCallState

_log = logging.getLogger(__name__)


def execute(spec: JobSpec, job: BaseJob[Any, Any], value: object, name: str) -> JobResult[Any]:
    """Execute a job, and again after a failure that is retriable, with the delays of its definition."""
    result = job.execute(value)
    if not (spec.retries and result.retriable):
        return result
    import tenacity  # noqa: PLC0415  # 0.03 s to import, and seldom needed

    def waiting(state: "RetryCallState") -> None:
        last = _outcome(state)
        _log.warning(
            "%s %s failed and is tried again in %.1f s: %s", spec.name, name, state.upcoming_sleep, last.error
        )

    attempts = chain([result], (job.execute(value) for _ in spec.delays))
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(1 + spec.retries),
        wait=tenacity.wait_chain(*map(tenacity.wait_fixed, spec.delays)),
        retry=tenacity.retry_if_result(lambda attempt: attempt.retriable),
        before_sleep=waiting,
        retry_error_callback=_outcome,
    )
    return retrying(next, attempts)


def _outcome(state: "RetryCallState") -> JobResult[Any]:
    assert state.outcome is not None  # noqa: S101  # an attempt that returned has one
    return state.outcome.result()  # type: ignore[no-any-return]  # tenacity does not say what was called
