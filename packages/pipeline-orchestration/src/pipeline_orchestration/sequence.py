"""The one loop over inputs and jobs, whatever the engine: how outputs become inputs, and when a run stops."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from pipeline_jobs import BaseJob, JobResult, PipelineError, said

from .context import RunContext
from .crossing import in_memory, restored
from .definition import JobSpec
from .errors import OrchestrationError
from .result import RunResult

type Execute = Callable[[JobSpec, BaseJob[Any, Any], object, str], JobResult[Any]]
"""How an engine has a job executed on a value; the text names the run's input to a person."""

MEMORY = "memory"
"""What data is called that was handed over in memory."""

_log = logging.getLogger(__name__)

# The code of a failure of what all inputs share begins with one of these.
_SHARED = ("output", "database", "corrupt", "orchestration")
# But these are of the one input.
_OWN = ("orchestration.worker_lost", "orchestration.output")


def run_all(
    specs: Sequence[JobSpec], inputs: Iterable[str], context: RunContext, engine: str, execute: Execute
) -> Iterator[RunResult]:
    """Run the jobs over each input, and yield a result for each as it is known."""
    failed: RunResult | None = None
    for text in inputs:
        if failed is None:
            result = _run(specs, text, context, engine, execute)
            failed = result if stops_all(result) else None
        else:
            result = not_run(text, engine, failed)
        yield result


def stops_all(result: RunResult) -> bool:
    """Return whether the inputs after this one would only fail too."""
    return (result.code or "").partition(".")[0] in _SHARED and result.code not in _OWN


def not_run(text: str, engine: str, failed: RunResult) -> RunResult:
    """Return the result of an input that was not tried after another one failed."""
    message = f"not run after {failed.input} failed: {failed.code}"
    return RunResult(label(text), engine, exception=OrchestrationError("orchestration.not_run", message))


def label(text: str) -> str:
    """Return how an input is called when speaking to a person: a path, or the text it is."""
    return MEMORY if in_memory(text) else said(str(restored(text)))


def _run(
    specs: Sequence[JobSpec], text: str, context: RunContext, engine: str, execute: Execute
) -> RunResult:
    name = label(text)
    # All jobs are built before the first one runs: what is missing is known before anything is written.
    built: list[tuple[JobSpec, JobResult[BaseJob[Any, Any]]]] = []
    for spec in specs:
        built.append((spec, _Building(spec, name).execute(context)))
        if not built[-1][1].success:
            return RunResult(name, engine, (built[-1][1],), run_id=context.run_id)
    try:
        value = restored(text)
    except PipelineError as error:  # data in a store that is away
        return RunResult(name, engine, (JobResult(specs[0].name, exception=error),), run_id=context.run_id)
    results: list[JobResult[Any]] = []
    for spec, job in built:
        result = execute(spec, job.unwrap(), value, name)
        results.append(result)
        _report(result, name, logging.DEBUG if context.quiet else logging.INFO)
        if not result.success:
            break
        value = result.output
    return RunResult(name, engine, tuple(results), run_id=context.run_id)


def _report(result: JobResult[Any], name: str, level: int) -> None:
    if result.success:
        counts = ", ".join(f"{count} {what}" for what, count in result.counts.items())
        _log.log(level, "%s %s: %s in %.3f s", result.job, name, counts or "done", result.seconds)
    elif result.code and result.code.startswith("internal"):
        _log.debug("%s %s failed", result.job, name, exc_info=result.exception)


class _Building(BaseJob[RunContext, BaseJob[Any, Any]]):
    """Builds a job: what goes wrong in a factory is a result like that of the job itself."""

    def __init__(self, spec: JobSpec, run_name: str) -> None:
        self.spec = spec
        self.name = spec.name
        self.run_name = run_name

    def validate_input(self, value: object) -> RunContext:
        if not isinstance(value, RunContext):
            raise TypeError(value)
        return value

    def single_job(self, value: RunContext) -> BaseJob[Any, Any]:
        job = self.spec.factory(value)
        if not isinstance(job, BaseJob):
            raise TypeError(f"the factory of job {self.spec.name!r} returned {job!r}, no BaseJob")
        job.name = self.spec.name
        if value.progress:
            job.progress = partial(value.progress, self.spec.name, self.run_name)
        return job
