"""A definition becomes a Prefect flow run: one flow for every definition, entry and exit point."""

import re
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Literal

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Failed

from pipeline_jobs import PipelineError, shown
from pipeline_orchestration.address import absolute, load_pipeline
from pipeline_orchestration.config import PipelineConfig
from pipeline_orchestration.crossing import restored
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.hooks import call_hooks
from pipeline_orchestration.inputs import expanded_texts
from pipeline_orchestration.labels import label
from pipeline_orchestration.work import Work

from .artifacts import Ran, key, report
from .here import taken
from .limits import server_slots
from .logs import logs_on_prefect
from .marks import page, pipeline_tag, tag_batches, task_runs_untagged
from .moving import ProgressArtifact
from .setup import keep_tidy
from .spreading import run_spread

ENGINE = "prefect"

_MOST_TOLD = 300_000  # characters; Prefect refuses parameters of 524,288 bytes
_SOME = 100  # of more, those that a person looks at
_MORE = re.compile(r"… and (\d+) more")


def _short(text: str) -> str:
    """Return the name of an input without the folders it is in."""
    return label(text).rpartition("/")[2]


def told_inputs(inputs: Sequence[str]) -> list[str]:
    """Return inputs as a parameter that Prefect takes, of any number: half a megabyte at most."""
    if sum(map(len, inputs)) < _MOST_TOLD:
        return list(inputs)
    return [*inputs[:_SOME], f"… and {len(inputs) - _SOME} more"]


def _flow_run_name() -> str:
    inputs = flow_run.parameters["inputs"]
    last = _MORE.fullmatch(inputs[-1]) if inputs else None
    count = len(inputs) - 1 + int(last[1]) if last else len(inputs)
    more = f" and {count - 1} more" if count > 1 else ""
    return f"{_short(inputs[0])}{more}" if inputs else "nothing"


@flow(name="run_pipeline", flow_run_name=_flow_run_name, persist_result=False, retries=0)
def run_pipeline(
    pipeline: str,
    inputs: list[str],
    start_from: str | None = None,
    stop_after: str | None = None,
    output_dir: str | None = None,
    db_path: str | None = None,
    db_url: str | None = None,
    on_duplicate: Literal["skip", "load", "error"] | None = None,
    encoding: str | None = None,
    busy_timeout: float | None = None,
    max_record_bytes: int | None = None,
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "OFF"] | None = None,
    concurrency: int | None = None,
    task_runner: Literal["threads", "processes", "dask", "ray"] | None = None,
    dask_address: str | None = None,
    ray_address: str | None = None,
) -> object:
    """Run the jobs of a pipeline over one input or many.

    Every parameter is JSON-safe; what is left out comes from the settings of where the flow runs.

    Args:
        pipeline: the definition, as `package.module:attribute` or `file.py:attribute`.
        inputs: for the first job of the range: URLs, paths or batch ids.
        start_from: the first job; that of the definition if left out.
        stop_after: the last job; that of the definition if left out.
        output_dir: where files are written, as a path or a URL.
        db_path: the SQLite database, as a path or a file URI.
        db_url: the PostgreSQL database, instead of a SQLite one; without a password, which comes from
            `PIPELINE_DB_URL`, `PGPASSWORD` or `~/.pgpass` of where the flow runs.
        on_duplicate: what to do with records that are there already: `skip`, `load` or `error`.
        encoding: of the input files.
        busy_timeout: seconds to wait for the database.
        max_record_bytes: of a record's content in UTF-8; an input with a larger one is refused.
        log_level: how much is logged, by the jobs too: `DEBUG`, `INFO` … or `OFF`.
        concurrency: how many inputs are worked on at a time.
        task_runner: what does that: `threads`, `processes`, `dask` or `ray`.
        dask_address: of a Dask cluster that is there already.
        ray_address: of a Ray cluster that is there already.
    """
    here = taken()
    run = str(flow_run.id)
    if not here:
        keep_tidy(run)
    started = time.monotonic()
    try:
        config = (
            here.request.config
            if here
            else PipelineConfig.load(
                output_dir=output_dir and restored(output_dir),
                db_path=db_path and restored(db_path),
                db_url=db_url,
                on_duplicate=on_duplicate,
                encoding=encoding,
                busy_timeout=busy_timeout,
                max_record_bytes=max_record_bytes,
                log_level=log_level,
                concurrency=concurrency,
                task_runner=task_runner,
                dask_address=dask_address,
                ray_address=ray_address,
            )
        )
        definition = here.request.definition if here else load_pipeline(pipeline)
        specs = definition.between(start_from, stop_after)
    except PipelineError as error:
        return Failed(message=shown(f"{error.code}: {error}"))
    work = Work(
        pipeline=here.request.sent if here else absolute(pipeline),
        name=definition.name,
        start_from=start_from,
        stop_after=stop_after,
        config=config,
        run_id=run,
        engine=ENGINE,
        slot=(here and here.slot) or server_slots(definition.name, specs),
    )
    # A folder that was deployed is what is in it when its day comes.
    later = specs[0].name != definition.names[0]
    texts = here.inputs if here else list(expanded_texts(inputs, config, documents=later))
    found = here.results if here else {}
    shown_here = here.request.progress if here else None
    url = page(run)
    try:
        with (
            logs_on_prefect(run, specs, config.log_level, printed=here is None) as follow,
            ProgressArtifact(key(definition, "progress"), run) as progress,
            task_runs_untagged(pipeline_tag(definition.name)),
            here.terminable() if here else nullcontext(),
        ):
            for position, result in run_spread(work, specs, texts, follow, progress, shown_here):
                # One by one, so that what was done is known even if Prefect gives up.
                found[position] = replace(result, url=url)
                if here:
                    here.request.tell(found[position])
    except OrchestrationError as error:
        if here:
            here.failure = error  # Prefect keeps the text alone
        raise
    results = [found[position] for position in range(len(texts))]
    tag_batches(run, {*flow_run.tags, pipeline_tag(definition.name)}, results)
    if here is None:  # else the runner does, which knows of those that did not come here
        call_hooks(definition, results)
    seconds = time.monotonic() - started
    address = work.pipeline if isinstance(work.pipeline, str) else definition.name
    report(Ran(definition, address, config, texts, start_from, stop_after, results, seconds))
    failed = [result for result in results if not result.success]
    if not failed:
        return [{"input": result.input, "batch_id": result.batch_id} for result in results]
    first = f"{failed[0].last.job} {failed[0].input}: {failed[0].code}: {failed[0].error}".lstrip()
    return Failed(message=shown(f"{len(failed)} of {len(results)} inputs failed; {first}"))
