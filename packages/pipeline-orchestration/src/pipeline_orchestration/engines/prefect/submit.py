"""Submission of a run from this process: one flow run, whose results are handed back in memory."""

import logging
import signal
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import tenacity
from prefect import State, tags
from prefect.context import SyncClientContext
from prefect.exceptions import Abort, Pause

from pipeline_jobs.escaping import escape
from pipeline_orchestration.context import RunProgress
from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.execution.concurrency_limits import open_limiter
from pipeline_orchestration.execution.failure_scope import make_missing_results
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.results import RunResult

from .client_settings import WaitLimit, configure_client_for_run, hide_tracebacks
from .exceptions import CLIENT_ERRORS, make_gave_up_error
from .flow_run import FlowRun, hand_over
from .flows import list_for_api, run_pipeline
from .tags import make_pipeline_tag
from .task_runners import check_task_runner

_log = logging.getLogger(__name__)

_BUSY_STATUSES = (429, 503)
_MAX_SUBMISSIONS = 5  # within each of which Prefect itself tries three times in 6 s
_PAUSE = 2.0  # seconds


def run_on_prefect(
    spec: RunSpec,
    definition: PipelineDefinition,
    inputs: Sequence[RunInput],
    progress: RunProgress | None,
    on_result: Callable[[RunResult], object],
) -> list[RunResult]:
    """Run inputs as one flow run; return a result for each, in their order.

    The flow gets definition, settings and inputs in memory; Prefect's API gets what it can store of them. If
    Prefect gives up, the first input without a result gets the failure, the others are not run.

    Args:
        spec: the run.
        definition: of its pipeline.
        inputs: any number.
        progress: called now and then by jobs that take long, where one input is worked on at a time.
        on_result: called with each result as it is known, in any order.
    """
    run = FlowRun(
        spec,
        definition,
        inputs,
        progress=progress,
        on_result=on_result,
        sigterm_handler=signal.getsignal(signal.SIGTERM),
    )
    try:
        if task_runner := spec.config.requested_task_runner:
            check_task_runner(task_runner)
        with (
            configure_client_for_run() as is_temporary,
            open_limiter(definition.select_jobs(spec.start_from, spec.stop_after)) as limiter,
            hide_tracebacks(),
            tags(make_pipeline_tag(definition.name)),
            hand_over(run),
        ):
            # A temporary server has no other runs; and if it is killed, its slots stay taken.
            run.limiter = limiter if is_temporary else None
            # As Prefect's API stores them and its pages show them: the flow itself uses what was handed over.
            parameters: dict[str, Any] = {
                "pipeline": escape(spec.reference),
                "inputs": list_for_api(inputs),
                "start_from": spec.start_from,
                "stop_after": spec.stop_after,
                **spec.config.to_parameters(),
            }
            if definition.parameters:
                parameters["params"] = definition.parameters.show(spec.params)
            state = _make_retrying(run)(_submit, parameters)
            reason = state.message or state.name or ""
            if not run.has_begun:
                reason = f"its API has refused the run, which is {reason}"
            failure = run.failure or make_gave_up_error(reason)
    except OrchestrationError as error:
        failure = error
    except (Abort, Pause) as error:  # no exceptions of class Exception
        failure = make_gave_up_error(f"its API has stopped the run ({error})")
    except CLIENT_ERRORS as error:
        failure = make_gave_up_error(str(error) or type(error).__name__)
    return make_missing_results(inputs, run.results, spec.engine, failure)


def _submit(parameters: dict[str, Any]) -> State[Any]:
    """Run the flow, and return the state that it ends in."""
    with SyncClientContext.get_or_create() as context:  # the client that the flow uses
        # Prefect takes no hooks for a client that it shares.
        context.client._client.event_hooks["response"].append(WaitLimit())  # noqa: SLF001
        state: State[Any] = run_pipeline(**parameters, return_state=True)
        return state


def _make_retrying(run: FlowRun) -> tenacity.Retrying:
    """Return what submits a flow run again if its server was too busy to begin it.

    A server on SQLite refuses new runs while it stores the events of earlier ones, for half a minute after
    some hundred task runs. Prefect's own retries last for the first few seconds of that.
    """

    def is_busy(error: BaseException) -> bool:
        refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _BUSY_STATUSES
        return refused and not run.has_begun

    def log_retry(_state: tenacity.RetryCallState) -> None:
        _log.warning("the Prefect server is too busy to begin a run, retrying")

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_MAX_SUBMISSIONS),
        wait=tenacity.wait_fixed(_PAUSE),
        retry=tenacity.retry_if_exception(is_busy),
        before_sleep=log_retry,
        reraise=True,
    )
