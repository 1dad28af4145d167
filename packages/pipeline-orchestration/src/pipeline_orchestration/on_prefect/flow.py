"""A definition becomes a Prefect flow run: one flow for every definition, entry and exit point."""

import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from prefect import flow, tags
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.utilities.annotations import quote

from pipeline_jobs import BaseJob, JobResult, PipelineError, shown
from pipeline_orchestration.address import absolute, load_pipeline
from pipeline_orchestration.config import PipelineConfig
from pipeline_orchestration.context import RunContext, RunProgress
from pipeline_orchestration.crossing import restored, uri
from pipeline_orchestration.definition import JobSpec, PipelineDefinition
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.hooks import call_hooks
from pipeline_orchestration.limits import limited
from pipeline_orchestration.local import Slot
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.sequence import label, not_run, run_all

from .artifacts import Ran, key, report
from .limits import server_slots
from .logs import logs_on_prefect
from .marks import page, pipeline_tag, tag_batches, task_runs_untagged
from .moving import ProgressArtifact, both
from .setup import keep_tidy, prefect_for_this_process, tidy_failures
from .tasks import JobFailedError, JobTasks
from .trouble import GAVE_UP, gave_up

ENGINE = "prefect"


@dataclass(slots=True)
class _Here:
    """What a run started in this process hands its flow past Prefect, and is handed back."""

    definition: PipelineDefinition
    config: PipelineConfig
    progress: RunProgress | None
    slot: Slot | None = None
    results: list[RunResult] = field(default_factory=list)


_here: ContextVar[_Here | None] = ContextVar("_here", default=None)


def _short(text: str) -> str:
    """Return the name of an input without the folders it is in."""
    return label(text).rpartition("/")[2]


def _flow_run_name() -> str:
    inputs = flow_run.parameters["inputs"]
    more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
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
    """
    here = _here.get()
    _here.set(None)  # a run that a job starts is not this one
    run = str(flow_run.id)
    if not here:
        keep_tidy(run)
    started = time.monotonic()
    try:
        config = (
            here.config
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
            )
        )
        definition = here.definition if here else load_pipeline(pipeline)
        specs = definition.between(start_from, stop_after)
    except PipelineError as error:
        return Failed(message=shown(f"{error.code}: {error}"))
    slot = (here and here.slot) or server_slots(definition.name, specs)
    tasks = JobTasks(definition.name, slot)

    def execute(spec: JobSpec, job: BaseJob[Any, Any], value: object, name: str) -> JobResult[Any]:
        follow(job)
        try:
            # Quoted: Prefect would look for futures in all of the data, and give up on deep nesting.
            return tasks.of(spec, job)(job, quote(value), f"{spec.name} {name.rpartition('/')[2]}")
        except JobFailedError as failed:
            return failed.result

    url = page(run)
    results = here.results if here else []
    with (
        logs_on_prefect(run, specs, config.log_level, printed=here is None) as follow,
        ProgressArtifact(key(definition, "progress"), run) as progress,
        task_runs_untagged(pipeline_tag(definition.name)),
    ):
        context = RunContext(config, run, both(progress, here.progress if here else None))
        for result in run_all(specs, inputs, context, ENGINE, execute):
            # One by one, so that what was done is known even if Prefect gives up.
            results.append(replace(result, url=url))
    tag_batches(run, {*flow_run.tags, pipeline_tag(definition.name)}, results)
    if here is None:  # else the runner does, which knows of those that did not come here
        call_hooks(definition, results)
    seconds = time.monotonic() - started
    address = absolute(pipeline)
    report(Ran(definition, address, config, inputs, start_from, stop_after, results, seconds))
    failed = [result for result in results if not result.success]
    if not failed:
        return [{"input": result.input, "batch_id": result.batch_id} for result in results]
    first = f"{failed[0].last.job} {failed[0].input}: {failed[0].code}: {failed[0].error}".lstrip()
    return Failed(message=shown(f"{len(failed)} of {len(results)} inputs failed; {first}"))


def run_on_prefect(
    definition: PipelineDefinition,
    address: str,
    inputs: Sequence[str],
    start_from: str | None,
    stop_after: str | None,
    config: PipelineConfig,
    progress: RunProgress | None = None,
) -> list[RunResult]:
    """Run inputs as one flow run, and return a result for each.

    Definition and settings are handed over in memory; Prefect is told what its API can take of them. Where
    Prefect gives up, the results say so from the input on that it did not come to.
    """
    here = _Here(definition, config, progress)
    token = _here.set(here)
    specs = definition.between(start_from, stop_after)
    try:
        with (
            prefect_for_this_process() as temporary,
            limited(specs) as slot,
            tidy_failures(),
            tags(pipeline_tag(definition.name)),
        ):
            # A temporary server has no runs but these, and one that is killed leaves slots taken for good.
            here.slot = slot if temporary else None
            state = run_pipeline(
                pipeline=shown(address),
                inputs=list(inputs),
                start_from=start_from,
                stop_after=stop_after,
                output_dir=uri(config.output_dir),
                db_path=None if config.db_url else uri(config.db_path),
                db_url=str(config.db_url) if config.db_url else None,
                on_duplicate=config.on_duplicate.value,
                encoding=config.encoding,
                busy_timeout=config.busy_timeout,
                max_record_bytes=config.max_record_bytes,
                log_level=config.log_level.value,
                return_state=True,
            )
            failure = gave_up(state.message or state.name or "")
    except OrchestrationError as error:
        failure = error
    except GAVE_UP as error:
        failure = gave_up(str(error) or type(error).__name__)
    finally:
        _here.reset(token)
    results = here.results
    if len(results) < len(inputs):
        results.append(RunResult(label(inputs[len(results)]), ENGINE, exception=failure))
    return results + [not_run(text, ENGINE, results[-1]) for text in inputs[len(results) :]]
