"""Running pipelines from Python."""

import logging
import os
import sys
import uuid
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_jobs import JobResult, OnDuplicate, PipelineError, Url, said, shown

from . import local
from .address import absolute, load_pipeline
from .choice import EngineChoice, choose
from .config import PipelineConfig
from .context import RunContext, RunProgress
from .crossing import crossed
from .definition import PipelineDefinition
from .groups import MANY, Work, pays
from .hooks import call_hooks
from .importing import import_prefect
from .limits import limited
from .logs import at_level
from .names import EngineName, LogLevel, TaskRunnerName
from .result import RunResult
from .sequence import MEMORY, not_run, run_all, stops_all

if TYPE_CHECKING:
    from pipeline_db import DatabaseUrl

_log = logging.getLogger(__name__)


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

        The failure of an input lets the others go on; one of what they share, such as the database, does not.
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
        results = self._run_many(list(values), start_from, stop_after, progress, finished or _untold)
        with at_level(self.config.log_level):
            call_hooks(self.pipeline, results)
        return results

    def _run_many(
        self,
        values: list[object],
        start_from: str | None,
        stop_after: str | None,
        progress: RunProgress | None,
        finished: Callable[[RunResult], None],
    ) -> list[RunResult]:
        first = self.pipeline.between(start_from, stop_after)[0].name
        with at_level(self.config.log_level), ExitStack() as stack:
            try:
                engine = self._ready_engine()
            except PipelineError as error:
                return [RunResult(_said(value), self.config.engine, exception=error) for value in values]
            plan: list[str | RunResult] = []
            for value in values:
                try:
                    plan.append(stack.enter_context(crossed(value, self.config.output_dir)))
                except PipelineError as error:
                    refused = RunResult(_said(value), engine, (JobResult(first, exception=error),))
                    plan.append(refused)
                    finished(refused)
                    if stops_all(refused):
                        break
            texts = [text for text in plan if isinstance(text, str)]
            ran = iter(self._run(engine, texts, start_from, stop_after, progress, finished) if texts else ())
            results = [next(ran) if isinstance(each, str) else each for each in plan]
            results += [not_run("", engine, results[-1]) for _ in values[len(results) :]]
        return [replace(result, input=_said(value)) for value, result in zip(values, results, strict=True)]

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

    def _ready_engine(self) -> EngineName:
        """Return the engine, after saying why it is this one and importing what it takes."""
        choice = self.engine_choice
        _log.info("engine %s: %s", choice.engine, choice.reason)
        if choice.engine is EngineName.PREFECT:
            if choice.temporary and "prefect" not in sys.modules:
                # The server imports as much as we are about to, and more: both take their seconds at once.
                from .on_prefect.temporary_server import VARIABLES, temporary_server  # noqa: PLC0415  # 20 ms to import

                temporary_server.begin(VARIABLES)
            import_prefect()
        return choice.engine

    def _run(
        self,
        engine: EngineName,
        inputs: list[str],
        start_from: str | None,
        stop_after: str | None,
        progress: RunProgress | None,
        finished: Callable[[RunResult], None],
    ) -> list[RunResult]:
        if engine is EngineName.PREFECT:
            from .on_prefect.starting import run_on_prefect  # noqa: PLC0415  # see there

            # Its import has set up logging anew.
            with at_level(self.config.log_level):
                return run_on_prefect(
                    self.pipeline,
                    self._sent,
                    inputs,
                    start_from,
                    stop_after,
                    self.config,
                    progress,
                    finished,
                )
        run_id, quiet = str(uuid.uuid4()), len(inputs) > MANY
        if self.config.concurrency > 1 and pays(self._sent, inputs):
            return self._run_in_processes(run_id, inputs, start_from, stop_after, finished)
        specs = self.pipeline.between(start_from, stop_after)
        context = RunContext(self.config, run_id, progress, quiet=quiet)
        results = []
        with limited(specs) as slot:
            for result in run_all(specs, inputs, context, engine, partial(local.execute, slot=slot)):
                results.append(result)
                finished(result)
        return results

    def _run_in_processes(
        self,
        run_id: str,
        inputs: list[str],
        start_from: str | None,
        stop_after: str | None,
        finished: Callable[[RunResult], None],
    ) -> list[RunResult]:
        from .workers import run_in_processes  # noqa: PLC0415  # 0.1 s to import, for runs of many processes alone

        work = Work(
            pipeline=self._sent,
            name=self.pipeline.name,
            start_from=start_from,
            stop_after=stop_after,
            config=self.config,
            run_id=run_id,
            engine=EngineName.LOCAL,
            quiet=len(inputs) > MANY,
        )
        return run_in_processes(work, inputs, finished)


def _untold(_result: RunResult) -> None:
    """Do nothing with a result."""


def _said(value: object) -> str:
    match value:
        case Url():
            return shown(str(value))
        case os.PathLike():
            with suppress(TypeError):  # its __fspath__ returns neither text nor bytes
                return shown(os.fsdecode(value))
            return MEMORY
        case str():
            return said(value)
        case int() if abs(value) < 2**100:  # Python does not write out one of more than 4,300 digits
            return str(value)
        case _:
            return MEMORY
