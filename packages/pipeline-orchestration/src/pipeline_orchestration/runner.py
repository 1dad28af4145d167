"""Running pipelines from Python."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_jobs import OnDuplicate, PipelineError, Url

from .address import absolute, load_pipeline
from .choice import EngineChoice, choose
from .config import PipelineConfig
from .context import RunProgress
from .definition import PipelineDefinition
from .engines import make_ready, run_on
from .hooks import call_hooks
from .labels import said_of
from .logs import at_level
from .names import EngineName, LogLevel, TaskRunnerName
from .request import Request
from .result import RunResult
from .values import admitted

if TYPE_CHECKING:
    from pipeline_db import DatabaseUrl


class PipelineRunner:
    """Runs the jobs of a pipeline, or any range of them, with settings of its own.

    What is not given comes from the environment, from a settings file or from the defaults, as
    ``PipelineConfig`` says.

    Args:
        output_dir: where files are written: a folder, or a URL as ``s3://bucket/folder``.
        db_path: the SQLite database.
        db_url: the PostgreSQL database, instead of a SQLite one.
        log_level: of our loggers, Prefect's and httpx's while a run lasts.
        engine: ``auto``, ``local`` or ``prefect``.
        pipeline: a definition or its address; the text pipeline A, B, C, unless another is given.
        on_duplicate: what to do with records that are there already: ``skip``, ``load`` or ``error``.
        encoding: of the input files.
        busy_timeout: seconds to wait for a database that is in use.
        max_record_bytes: of a record's content in UTF-8; an input with a larger one is refused.
        concurrency: how many inputs are worked on at a time.
        task_runner: what of Prefect's does that: ``threads``, ``processes``, ``dask`` or ``ray``.
        dask_address: of a Dask cluster that is there already.
        ray_address: of a Ray cluster that is there already.

    Raises:
        UsageError: a setting makes no sense, or there is no such pipeline.
    """

    def __init__(
        self,
        *,
        output_dir: Path | Url | str | None = None,
        db_path: Path | str | None = None,
        db_url: "DatabaseUrl | str | None" = None,
        log_level: LogLevel | str | None = None,
        engine: EngineName | str | None = None,
        pipeline: PipelineDefinition | str | None = None,
        on_duplicate: OnDuplicate | str | None = None,
        encoding: str | None = None,
        busy_timeout: float | None = None,
        max_record_bytes: int | None = None,
        concurrency: int | None = None,
        task_runner: TaskRunnerName | str | None = None,
        dask_address: str | None = None,
        ray_address: str | None = None,
    ) -> None:
        given = pipeline if isinstance(pipeline, PipelineDefinition) else None
        self.config = PipelineConfig.load(
            output_dir=output_dir,
            db_path=db_path,
            db_url=db_url,
            log_level=log_level,
            engine=engine,
            pipeline=pipeline if given is None else None,
            on_duplicate=on_duplicate,
            encoding=encoding,
            busy_timeout=busy_timeout,
            max_record_bytes=max_record_bytes,
            concurrency=concurrency,
            task_runner=task_runner,
            dask_address=dask_address,
            ray_address=ray_address,
        )
        self.pipeline = load_pipeline(self.config.pipeline) if given is None else given
        # That of a definition that is handed over as an object is not known; Prefect is told its name.
        self.address = absolute(self.config.pipeline) if given is None else None
        # Other processes are told an address, where there is one, else they are sent the definition.
        self._sent = given or absolute(self.config.pipeline)

    @property
    def available_jobs(self) -> list[str]:
        """The names of the jobs in order."""
        return list(self.pipeline.names)

    @cached_property
    def engine_choice(self) -> EngineChoice:
        """The engine that runs the jobs, and why.

        Raises:
            OrchestrationError: Prefect's own settings cannot be read.
        """
        return choose(self.config.engine, self.config.spreads_by)

    def run(self, value: object, start_from: str | None = None, stop_after: str | None = None) -> RunResult:
        """Run a range of jobs over one input.

        Args:
            value: for the first job of the range: a path, a URL, a batch id, data.
            start_from: the first job; that of the pipeline if left out.
            stop_after: the last job; that of the pipeline if left out.

        Raises:
            UsageError: there is no such job, or the range is reversed; any other failure is in the result.
        """
        return self.run_many([value], start_from, stop_after)[0]

    def run_many(
        self,
        values: Iterable[object],
        start_from: str | None = None,
        stop_after: str | None = None,
        *,
        progress: RunProgress | None = None,
        finished: Callable[[RunResult], None] | None = None,
    ) -> list[RunResult]:
        """Run a range of jobs over several inputs, and return a result for each.

        The failure of an input lets the others go on; one of what they share, such as the database or the
        store that they are in, does not.
        When all are done, the hooks of the pipeline are called with each result, in the order of the inputs.

        Args:
            values: as for `run`, in any number.
            start_from: as for `run`.
            stop_after: as for `run`.
            progress: called now and then by jobs that take long, where one input is worked on at a time.
            finished: called with each result as it is known, in any order.

        Raises:
            UsageError: as `run`.
        """
        request = Request(
            definition=self.pipeline,
            sent=self._sent,
            config=self.config,
            start_from=start_from,
            stop_after=stop_after,
            progress=progress,
            finished=finished,
        )
        _ = request.specs  # what makes no sense is an error of who calls
        results = self._run_many(list(values), request)
        with at_level(self.config.log_level):
            call_hooks(self.pipeline, results)
        return results

    def _run_many(self, values: list[object], request: Request) -> list[RunResult]:
        with at_level(self.config.log_level):
            try:
                engine = make_ready(self.engine_choice)
            except PipelineError as error:
                return [RunResult(said_of(value), self.config.engine, exception=error) for value in values]
            with admitted(values, request, engine) as taken:
                results = taken.with_results(run_on(engine, request, taken.inputs))
        return [replace(result, input=said_of(value)) for value, result in zip(values, results, strict=True)]

    def run_full(self, value: object) -> RunResult:
        """Run all jobs."""
        return self.run(value)

    def run_single(self, job: str, value: object) -> RunResult:
        """Run one job alone."""
        return self.run(value, start_from=job, stop_after=job)

    def run_from(self, job: str, value: object) -> RunResult:
        """Run a job and all that follow it."""
        return self.run(value, start_from=job)

    def run_until(self, job: str, value: object) -> RunResult:
        """Run all jobs up to and including one."""
        return self.run(value, stop_after=job)
