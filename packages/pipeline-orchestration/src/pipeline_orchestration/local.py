"""The engine that needs nothing: jobs run in this process, one after another."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any

from pipeline_jobs import BaseJob, JobResult

from .definition import JobSpec
from .errors import OrchestrationError
from .timeouts import execute_within

if TYPE_CHECKING:
    from tenacity import RetryCallState

type Slot = Callable[[JobSpec], AbstractContextManager[object]]
"""Has an execution of a job wait until one more may go on, and lets the next one go on at the block's end."""

_log = logging.getLogger(__name__)


def unlimited(_spec: JobSpec) -> AbstractContextManager[object]:
    """Let any number of executions go on: where they come one after another, say."""
    return nullcontext()


def execute(
    spec: JobSpec, job: BaseJob[Any, Any], value: object, name: str, slot: Slot = unlimited
) -> JobResult[Any]:
    """Execute a job as its definition says: again after a failure that is retriable, within its time."""
    result = attempt(spec, job, value, slot)
    if not (spec.retries and result.retriable):
        return result
    import tenacity  # noqa: PLC0415  # 0.03 s to import, and seldom needed

    def waiting(state: "RetryCallState") -> None:
        last = _outcome(state)
        _log.warning(
            "%s %s failed and is tried again in %.1f s: %s", spec.name, name, state.upcoming_sleep, last.error
        )

    # As far as Prefect's jitter goes, though it is otherwise spread there.
    most = 1 + (spec.retry_jitter_factor or 0)
    attempts = chain([result], (attempt(spec, job, value, slot) for _ in spec.delays))
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(1 + spec.retries),
        wait=tenacity.wait_chain(
            *(tenacity.wait_random(delay / most, delay * most) for delay in spec.delays)
        ),
        retry=tenacity.retry_if_result(lambda last: last.retriable),
        before_sleep=waiting,
        retry_error_callback=_outcome,
    )
    return retrying(next, attempts)


def attempt(spec: JobSpec, job: BaseJob[Any, Any], value: object, slot: Slot = unlimited) -> JobResult[Any]:
    """Execute a job once: when its turn comes, and no longer than it may take."""
    try:
        with slot(spec):  # waiting for it is not the job's time
            return execute_within(spec.timeout_seconds, job, value)
    except OSError as error:
        text = f"the files by which executions take turns cannot be used: {error}"
        return JobResult(spec.name, exception=OrchestrationError("orchestration.turns", text))


def _outcome(state: "RetryCallState") -> JobResult[Any]:
    assert state.outcome is not None  # noqa: S101  # an attempt that returned has one
    return state.outcome.result()  # type: ignore[no-any-return]  # tenacity does not say what was called
