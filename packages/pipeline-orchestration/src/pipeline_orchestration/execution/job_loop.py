"""The loop over the jobs of one input, the same for every engine."""

import logging
import operator
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline_jobs import BaseJob, JobResult, PipelineError, Source, Url
from pipeline_jobs.exceptions import make_failure
from pipeline_jobs.storage.input import hand_on_documents, use_stand_in
from pipeline_orchestration.context import RunContext, RunProgress
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.log_levels import OUR_LOGGERS, follow_logger
from pipeline_orchestration.results import RunResult
from pipeline_orchestration.settings.config import EngineName

from .attempts import execute_once, retry_failed
from .failure_scope import FailureScope
from .run_spec import RunSpec
from .scheduler import MANY

type Execute = Callable[[JobSpec, BaseJob[Any, Any], object, str], JobResult[Any]]
"""Executes a job on a value; the text is the label of the run's input."""

_log = logging.getLogger(__name__)

_LARGEST_NUMBER = 2**63 - 1  # of progress: Python refuses to write out one of more than 4,300 digits

# Packages whose frames stand between the run and a job.
_PACKAGES_ABOVE_JOBS = ("pipeline_orchestration", "pipeline_db", "pipeline_jobs", "prefect", "asyncio")


class JobLoop:
    """Runs the jobs of a run over one input after another, in this process.

    Args:
        spec: the run.
        jobs: its range of jobs.
        progress: called now and then by jobs that take long.
    """

    # No dataclass: Prefect would search all of its fields for futures.

    def __init__(
        self,
        spec: RunSpec,
        jobs: Sequence[JobSpec],
        progress: RunProgress | None = None,
    ) -> None:
        self.spec = spec
        self.jobs = jobs
        self.context = RunContext(
            spec.config, spec.run_id, progress, write_lock=spec.write_lock, params=spec.params
        )
        self._logged_bugs: set[object] = set()
        self._followed = set(OUR_LOGGERS)

    def run_group(self, inputs: Iterable[RunInput], execute: Execute | None = None) -> list[RunResult]:
        """Run the jobs over each input; after a failure that concerns others too, skip those.

        Args:
            inputs: any number.
            execute: executes each job in the engine's own way, with its retries.
        """
        scope = FailureScope()
        results = []
        for run_input in inputs:
            result = scope.skip(run_input, self.spec.engine) or self.run(run_input, execute)
            scope.record(run_input, result)
            results.append(result)
        return results

    def run(self, run_input: RunInput, execute: Execute | None = None) -> RunResult:
        """Run the jobs over an input: the output of each is the input of the next; a failure ends it.

        Args:
            run_input: the input.
            execute: as for `run_group`.
        """
        if run_input.refusal:
            return self._make_result(run_input, [JobResult(self.jobs[0].name, exception=run_input.refusal)])
        built = []
        # All jobs are built before the first one runs: what is missing is known before anything is written.
        for spec in self.jobs:
            try:
                built.append(self._build(spec))
            except BaseException as error:  # noqa: BLE001  # a factory is the user's code: its failure is a result
                failure = make_failure(error, "the factory")
                refused: JobResult[Any] = JobResult(spec.name, exception=failure, has_begun=False)
                self._log_result(refused, run_input.label)
                return self._make_result(run_input, [refused])
        limiter = self.spec.limiter
        value = run_input.value
        results: list[JobResult[Any]] = []
        origin = run_input.origin
        stand_in = use_stand_in(value, origin) if origin and isinstance(value, Path) else nullcontext()
        with stand_in, hand_on_documents():
            for spec, job in zip(self.jobs, built, strict=True):
                if self.context.progress:  # set here, as an instance may be added under several names
                    job.progress = partial(_report, self.context.progress, spec.name, run_input.label)
                    job.progress(0, 0, 0)
                job.source = _find_source(run_input, value, is_first=not results)
                if execute:
                    result = execute(spec, job, value, run_input.label)
                else:
                    result = execute_once(spec, job, value, limiter)
                    if result.exception is not None:
                        result = retry_failed(spec, job, value, run_input.label, result, limiter)
                results.append(result)
                self._log_result(result, run_input.label)
                if result.exception is not None:
                    break
                value = result.output
        return self._make_result(run_input, results)

    def _build(self, spec: JobSpec) -> BaseJob[Any, Any]:
        if self.spec.engine is EngineName.LOCAL:
            self._follow_logger(spec.factory)
        job = spec.factory(self.context)
        if not isinstance(job, BaseJob):
            raise TypeError(f"the factory of job {spec.name!r} returned {job!r}, expected a BaseJob")
        if self.spec.engine is EngineName.LOCAL:
            self._follow_logger(job)
        return job

    def _follow_logger(self, made: object) -> None:
        """Show what the package of a job or a factory logs; on Prefect, its log handler does so."""
        name = getattr(made, "__module__", None) or ""
        if name.partition(".")[0] not in self._followed:
            self._followed.add(name.partition(".")[0])
            follow_logger(name)

    def _log_result(self, result: JobResult[Any], label: str) -> None:
        if result.exception is None:
            level = logging.INFO if self.spec.input_count == 1 else logging.DEBUG
            _log.log(level, "%s %s: %s in %.3f s", result.job, label, _list_counts(result), result.seconds)
        elif result.code and result.code.startswith(("internal.", "job.exit")):
            self._log_traceback(result, result.exception, label)

    def _log_traceback(self, result: JobResult[Any], error: Exception, label: str) -> None:
        """Log where an exception was raised: at ERROR if it is a bug that was not logged yet."""
        cause = (error.__cause__ or error) if isinstance(error, PipelineError) else error
        traceback = _skip_frames_above_job(cause.__traceback__)
        bug = (result.job, type(error), _find_line(traceback))
        is_expected = isinstance(error, PipelineError | MemoryError) or bug in self._logged_bugs
        self._logged_bugs.add(bug)
        level = logging.DEBUG if is_expected else logging.ERROR
        _log.log(level, "%s %s failed", result.job, label, exc_info=(type(cause), cause, traceback))

    def _make_result(self, run_input: RunInput, results: list[JobResult[Any]]) -> RunResult:
        result = RunResult(run_input.label, self.spec.engine, tuple(results), run_id=self.spec.run_id)
        if self.spec.input_count > 1:
            self._log_input(result)
        return result

    def _log_input(self, result: RunResult) -> None:
        if result.success:
            batch = "" if result.batch_id is None else f"batch {result.batch_id}, "
            text = f"{batch}{_list_counts(result.last)}"
        else:
            text = f"{result.last.job} failed with {result.code}"
        level = logging.INFO if self.spec.input_count <= MANY else logging.DEBUG
        _log.log(level, "%s: %s in %.3f s", result.input, text, sum(job.seconds for job in result.jobs))


def _report(progress: RunProgress, job: str, label: str, done: int, total: int, records: int) -> None:
    """Hand on what a job says of its progress; what are no numbers, or none that can be shown, is ignored."""
    try:
        # NumPy's integers become Python's; text has no index.
        done, total, records = [
            n if isinstance(n, float) else operator.index(n) for n in (done, total, records)
        ]
        is_shown = (  # not by min and max, which NaN may pass
            0 <= done <= _LARGEST_NUMBER and 0 <= total <= _LARGEST_NUMBER and 0 <= records <= _LARGEST_NUMBER
        )
    except Exception:  # noqa: BLE001  # a job of one's own may give anything
        return
    if is_shown:
        progress(job, label, done, total, records)


def _list_counts(result: JobResult[Any]) -> str:
    return ", ".join([f"{count} {name}" for name, count in result.counts.items()]) or "done"


def _skip_frames_above_job(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the first frame of the job's own on; all of it if the job is one of ours."""
    own = traceback
    while own is not None:
        package = str(own.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package not in _PACKAGES_ABOVE_JOBS:
            return own
        own = own.tb_next
    return traceback


def _find_source(run_input: RunInput, value: object, *, is_first: bool) -> Source | None:
    """Return the source of a value that does not name it itself."""
    if isinstance(value, Path):
        return run_input.origin if value == run_input.value else None
    return None if is_first or isinstance(value, int | str | Url) else run_input.source


def _find_line(traceback: TracebackType | None) -> object:
    """Return what identifies the line that raised."""
    if traceback is None:
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code, traceback.tb_lineno
