"""A definition becomes a Prefect flow run: one flow for every definition, entry and exit point."""

import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx
from prefect import flow
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.utilities.annotations import quote

from pipeline_jobs import BaseJob, JobResult, shown
from pipeline_orchestration.address import load_pipeline
from pipeline_orchestration.config import PipelineConfig
from pipeline_orchestration.context import RunContext, RunProgress
from pipeline_orchestration.crossing import restored, uri
from pipeline_orchestration.definition import JobSpec, PipelineDefinition
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.sequence import label, not_run, run_all

from .setup import prefect_for_this_process, tidy_failures
from .tasks import JobFailedError, make_job_task

ENGINE = "prefect"

# What Prefect raises when its API is away or refuses; jobs raise nothing, their failures are results.
# The last four where what answers is another program's: Prefect takes it for its own.
_GAVE_UP = (
    httpx.HTTPError,
    httpx.InvalidURL,
    PrefectException,
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)


@dataclass(slots=True)
class _Here:
    """What a run started in this process hands its flow past Prefect, and is handed back."""

    definition: PipelineDefinition
    config: PipelineConfig
    progress: RunProgress | None
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
    on_duplicate: str | None = None,
    encoding: str | None = None,
    busy_timeout: float | None = None,
    max_record_bytes: int | None = None,
) -> object:
    """Run the jobs of a pipeline over one input or many.

    Every parameter is JSON-safe; what is left out comes from the settings of where the flow runs.

    Args:
        pipeline: the definition, as `package.module:attribute` or `file.py:attribute`.
        inputs: for the first job of the range: file URIs, paths or batch ids.
        start_from: the first job; that of the definition if left out.
        stop_after: the last job; that of the definition if left out.
        output_dir: where files are written, as a path or a file URI.
        db_path: the SQLite database, as a path or a file URI.
        on_duplicate: what to do with records that are there already: `skip`, `load` or `error`.
        encoding: of the input files.
        busy_timeout: seconds to wait for the database.
        max_record_bytes: of a record's content in UTF-8; an input with a larger one is refused.
    """
    here = _here.get()
    _here.set(None)  # a run that a job starts is not this one
    config = (
        here.config
        if here
        else PipelineConfig.load(
            output_dir=output_dir and restored(output_dir),
            db_path=db_path and restored(db_path),
            on_duplicate=on_duplicate,
            encoding=encoding,
            busy_timeout=busy_timeout,
            max_record_bytes=max_record_bytes,
        )
    )
    definition = here.definition if here else load_pipeline(pipeline)
    specs = definition.between(start_from, stop_after)
    tasks = {spec.name: make_job_task(spec) for spec in specs}

    def execute(spec: JobSpec, job: BaseJob[Any, Any], value: object, name: str) -> JobResult[Any]:
        try:
            # Quoted: Prefect would look for futures in all of the data, and give up on deep nesting.
            return tasks[spec.name](job, quote(value), f"{spec.name} {name.rpartition('/')[2]}")
        except JobFailedError as failed:
            return failed.result

    context = RunContext(config, str(flow_run.id), here.progress if here else None)
    results = here.results if here else []
    for result in run_all(specs, inputs, context, ENGINE, execute):
        results.append(result)  # one by one, so that what was done is known even if Prefect gives up
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
    finished: Callable[[RunResult], None] | None = None,
) -> list[RunResult]:
    """Run inputs as one flow run, and return a result for each.

    Definition and settings are handed over in memory; Prefect is told what its API can take of them. Where
    Prefect gives up, the results say so from the input on that it did not come to.
    """
    here = _Here(definition, config, progress)
    token = _here.set(here)
    try:
        with prefect_for_this_process(), tidy_failures():
            state = run_pipeline(
                pipeline=shown(address),
                inputs=list(inputs),
                start_from=start_from,
                stop_after=stop_after,
                output_dir=uri(config.output_dir),
                db_path=uri(config.db_path),
                on_duplicate=str(config.on_duplicate),
                encoding=config.encoding,
                busy_timeout=config.busy_timeout,
                max_record_bytes=config.max_record_bytes,
                return_state=True,
            )
            failure = _gave_up(state.message or state.name or "")
    except OrchestrationError as error:
        failure = error
    except _GAVE_UP as error:
        failure = _gave_up(str(error) or type(error).__name__)
    finally:
        _here.reset(token)
    results = here.results
    if len(results) < len(inputs):
        results.append(RunResult(label(inputs[len(results)]), ENGINE, exception=failure))
    return results + [not_run(text, ENGINE, results[-1]) for text in inputs[len(results) :]]


def _gave_up(reason: str) -> OrchestrationError:
    # Of an API that refuses, Prefect names the URL with user and password.
    first = re.sub(r"://\S*@", "://", reason.partition("\n")[0])
    text = f"Prefect gave up: {first}; see that its API can be reached, or use --engine local"
    return OrchestrationError("orchestration.failed", text)
