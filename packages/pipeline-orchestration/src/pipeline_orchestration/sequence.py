"""The one loop over inputs and jobs, whatever the engine: how outputs become inputs, and when a run stops."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from pipeline_jobs import BaseJob, JobResult, PipelineError

from .context import RunContext
from .crossing import restored
from .definition import JobSpec
from .labels import label
from .result import RunResult
from .stops import Stops

type Execute = Callable[[JobSpec, BaseJob[Any, Any], object, str], JobResult[Any]]
"""How an engine has a job executed on a value; the text names the run's input to a person."""

_log = logging.getLogger(__name__)


def run_all(
    specs: Sequence[JobSpec], inputs: Iterable[str], context: RunContext, engine: str, execute: Execute
) -> Iterator[RunResult]:
    """Run the jobs over each input, and yield a result for each as it is known."""
    stops = Stops()
    for text in inputs:
        result = stops.not_run(text, engine) or _run(specs, text, context, engine, execute)
        stops.learn(text, result)
        yield result


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
