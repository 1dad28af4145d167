"""A flow run that is started from this process, and what it came to."""

import logging
from collections.abc import Sequence

import httpx
import tenacity
from prefect import tags

from pipeline_jobs import shown
from pipeline_orchestration.crossing import uri
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.labels import label
from pipeline_orchestration.limits import limited
from pipeline_orchestration.request import Request
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.stops import not_run

from .flow import ENGINE, run_pipeline, told_inputs
from .here import Here, handed_over
from .marks import pipeline_tag
from .setup import prefect_for_this_process, tidy_failures
from .task_runners import check_task_runner
from .trouble import GAVE_UP, gave_up

_log = logging.getLogger(__name__)

_BUSY = (429, 503)
_TRIES = 5  # of ours, for each of which Prefect tries three times in 6 s
_PAUSE = 2.0  # seconds


def run_on_prefect(request: Request, inputs: Sequence[str]) -> list[RunResult]:
    """Run inputs as one flow run, and return a result for each.

    Definition and settings are handed over in memory; Prefect is told what its API can take of them. Where
    Prefect gives up, the results say so from the first input on that it did not come to.

    Args:
        request: what is asked for.
        inputs: as an engine is given them.
    """
    config, here = request.config, Here(request, inputs)
    address = request.sent if isinstance(request.sent, str) else request.definition.name
    try:
        if config.spreads_by:
            check_task_runner(config.spreads_by)
        with (
            prefect_for_this_process() as temporary,
            limited(request.specs) as slot,
            tidy_failures(),
            tags(pipeline_tag(request.definition.name)),
            handed_over(here),
        ):
            # A temporary server has no runs but these, and one that is killed leaves slots taken for good.
            here.slot = slot if temporary else None
            state = _patiently(here)(
                lambda: run_pipeline(
                    pipeline=shown(address),
                    inputs=told_inputs(inputs),
                    start_from=request.start_from,
                    stop_after=request.stop_after,
                    output_dir=uri(config.output_dir),
                    db_path=None if config.db_url else uri(config.db_path),
                    db_url=str(config.db_url) if config.db_url else None,
                    on_duplicate=config.on_duplicate.value,
                    encoding=config.encoding,
                    busy_timeout=config.busy_timeout,
                    max_record_bytes=config.max_record_bytes,
                    log_level=config.log_level.value,
                    concurrency=config.concurrency,
                    task_runner=config.task_runner and config.task_runner.value,
                    dask_address=config.dask_address,
                    ray_address=config.ray_address,
                    return_state=True,
                )
            )
            failure = here.failure or gave_up(state.message or state.name or "")
    except OrchestrationError as error:
        failure = error
    except GAVE_UP as error:
        failure = gave_up(str(error) or type(error).__name__)
    results = here.results
    first: RunResult | None = None
    for position, text in enumerate(inputs):
        if position not in results:
            results[position] = (
                not_run(text, ENGINE, first) if first else RunResult(label(text), ENGINE, exception=failure)
            )
            first = first or results[position]
    return [results[position] for position in range(len(inputs))]


def _patiently(here: Here) -> tenacity.Retrying:
    """Return what calls a flow again that has not begun, as its server was busy.

    One on SQLite refuses new runs while it catches up with the events of the last ones, for half a minute
    after some hundred task runs; of that, Prefect's own tries see the first few seconds.
    """

    def busy(error: BaseException) -> bool:
        refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _BUSY
        return refused and not here.begun

    def told(_state: tenacity.RetryCallState) -> None:
        _log.warning("Prefect's server is too busy to begin a run; it is asked again")

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_TRIES),
        wait=tenacity.wait_fixed(_PAUSE),
        retry=tenacity.retry_if_exception(busy),
        before_sleep=told,
        reraise=True,
    )
