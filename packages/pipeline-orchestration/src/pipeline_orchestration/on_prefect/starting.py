"""A flow run that is started from this process, and what it came to."""

from collections.abc import Sequence

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
            state = run_pipeline(
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
