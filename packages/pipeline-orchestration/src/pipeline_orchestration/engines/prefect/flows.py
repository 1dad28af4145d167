"""The Prefect flow: one for every pipeline, entry point and exit point."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Failed

from pipeline_jobs import PipelineError
from pipeline_jobs.escaping import escape
from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.inputs import RunInput, from_text, to_text
from pipeline_orchestration.settings.documentation import add_flow_parameters

from .artifacts import FinishedRun, make_artifact_key, write_artifacts
from .concurrency import create_server_slots
from .flow_run import FlowRun, parse_parameters, receive_run
from .groups import run_groups
from .log_handler import forward_logs, skip_completed_task_runs
from .progress import ProgressArtifact
from .tags import get_run_url, keep_tag_off_task_runs, make_pipeline_tag, tag_batches

_MAX_CHARACTERS = 300_000  # Prefect refuses parameters of 524,288 bytes
_LISTED = 100  # of more inputs: as many as a person looks at
_MORE = re.compile(r"… and (\d+) more")


def list_for_api(inputs: Sequence[RunInput]) -> list[str]:
    """Return inputs as a parameter that Prefect's API takes: of very many, the first hundred."""
    texts = [to_text(each) for each in inputs]
    if sum(map(len, texts)) < _MAX_CHARACTERS:
        return texts
    return [*texts[:_LISTED], f"… and {len(texts) - _LISTED} more"]


def _make_flow_run_name() -> str:
    inputs = flow_run.parameters["inputs"]
    if not inputs:
        return "nothing"
    more = _MORE.fullmatch(inputs[-1])
    others = len(inputs) - 1 if more is None else len(inputs) - 2 + int(more[1])
    first = escape(str(from_text(inputs[0]))).rpartition("/")[2]
    return f"{first} and {others} more" if others else first


@flow(name="run_pipeline", flow_run_name=_make_flow_run_name, persist_result=False, retries=0)
@add_flow_parameters
def run_pipeline(
    pipeline: str,
    inputs: list[str],
    start_from: str | None = None,
    stop_after: str | None = None,
    params: dict[str, Any] | None = None,
    **settings: object,
) -> object:
    """Run the jobs of a pipeline over one input or many.

    A setting that is left out comes from the environment or the settings files of where the flow runs.

    Args:
        pipeline: The definition, as `package.module:attribute` or `file.py:attribute`.
        inputs: Paths, URLs or batch ids for the first job of the range.
        start_from: The first job; that of the definition if left out.
        stop_after: The last job; that of the definition if left out.
        params: Parameters of the definition, by name; never a secret.
    """
    run_id = str(flow_run.id)
    try:
        run = receive_run(run_id) or parse_parameters(
            run_id, pipeline, inputs, start_from, stop_after, params, settings
        )
    except PipelineError as error:
        return Failed(message=escape(f"{error.code}: {error}"))
    return _execute(run)


def _execute(run: FlowRun) -> object:
    """Run the inputs; return what the flow run came to, as a state of Prefect's or as its result."""
    started = time.monotonic()
    definition = run.definition
    jobs = definition.select_jobs(run.spec.start_from, run.spec.stop_after)
    spec = replace(
        run.spec,
        limiter=run.limiter or create_server_slots(definition.name, jobs),
        input_count=len(run.inputs),
    )
    url = get_run_url(spec.run_id)
    pipeline_tag = make_pipeline_tag(definition.name)
    try:
        with (
            forward_logs(spec.run_id, jobs, spec.config.log_level, printed=run.prints_logs) as follow,
            skip_completed_task_runs(spec.input_count, spec.config.log_level),
            ProgressArtifact(make_artifact_key(definition, "progress"), spec.run_id) as progress,
            keep_tag_off_task_runs(pipeline_tag),
            run.handle_sigterm(),
        ):
            for position, result in run_groups(
                spec, definition.name, jobs, run.inputs, follow, progress, run.progress
            ):
                run.add_result(position, replace(result, url=url))
    except OrchestrationError as error:
        run.failure = error  # Prefect keeps only its text
        raise
    results = [run.results[position] for position in range(len(run.inputs))]
    tag_batches(spec.run_id, {*flow_run.tags, pipeline_tag}, results)
    write_artifacts(FinishedRun(spec, definition, run.inputs, results, time.monotonic() - started))
    failed = [result for result in results if not result.success]
    if not failed:
        return [{"input": result.input, "batch_id": result.batch_id} for result in results]
    first = f"{failed[0].last.job} {failed[0].input}: {failed[0].code}: {failed[0].error}".lstrip()
    return Failed(message=escape(f"{len(failed)} of {len(results)} inputs failed; {first}"))
