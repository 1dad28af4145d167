"""The runner: runs a pipeline from Python, on whichever engine the settings say."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property

from pipeline_jobs import PipelineError

from .context import RunProgress
from .definition import PipelineDefinition
from .engines.dispatch import EngineChoice, choose, prepare_engine, run_on_engine
from .execution.first_job import FirstJob
from .execution.run_spec import RunSpec
from .hooks import call_hooks
from .inputs import RunInput, Stream
from .loading import load_pipeline, make_address_absolute, warn_of_made_up_name
from .log_levels import load_settings, set_log_level
from .results import RunResult


class PipelineRunner:
    """Runs the jobs of a pipeline, or any range of them, with settings of its own.

    A setting that is not given comes from the environment, a settings file or the defaults, as for
    ``PipelineConfig``.

    Args:
        pipeline: a definition, or its address; the text pipeline A, B, C if left out.
        params: the parameters of the pipeline, with the highest rank: a mapping, or an instance of its class.
        settings: the fields of ``PipelineConfig``, as typed values or as text; None means not given.

    Raises:
        UsageError: a setting is unknown or wrong, or there is no such pipeline.
    """

    def __init__(
        self,
        *,
        pipeline: PipelineDefinition | str | None = None,
        params: object = None,
        **settings: object,
    ) -> None:
        definition = pipeline if isinstance(pipeline, PipelineDefinition) else None
        address = None if definition else pipeline
        self.config = load_settings({**settings, "pipeline": address})
        # A definition that is handed over as an object has no address: workers are sent the object.
        self.address = None if definition else make_address_absolute(self.config.pipeline)
        self.pipeline = definition or load_pipeline(self.config.pipeline)
        self.given_params = params

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
        return choose(
            self.config.engine,
            self.config.requested_task_runner,
            no_settings_files=self.config.no_settings_files,
        )

    def run(self, value: object, start_from: str | None = None, stop_after: str | None = None) -> RunResult:
        """Run a range of jobs over one input.

        Args:
            value: for the first job of the range: a path, a URL, a batch id, data.
            start_from: the first job; that of the pipeline if left out.
            stop_after: the last job; that of the pipeline if left out.

        Raises:
            UsageError: there is no such job, the range is reversed, or a parameter is missing or invalid;
                any other failure is in the result.
        """
        return self.run_many([value], start_from, stop_after)[0]

    def parse_words(self, words: Iterable[str], start_from: str | None = None) -> list[RunInput]:
        """Parse the words of a command line into inputs for `run_many`.

        Folders and glob patterns are replaced by their files, ``-`` is standard input, and a pipe can be
        named; all this unless the first job takes text.

        Args:
            words: any number.
            start_from: as for `run`.

        Raises:
            UsageError: there is no such job.
        """
        return self._ask_first_job(start_from).parse_words(words, streams=True)

    def run_many(
        self,
        values: Iterable[object],
        start_from: str | None = None,
        stop_after: str | None = None,
        *,
        progress: RunProgress | None = None,
        finished: Callable[[RunResult], None] | None = None,
    ) -> list[RunResult]:
        """Run a range of jobs over several inputs; return a result for each, in their order.

        If an input fails, the others go on, unless the cause concerns them too: the database, the output
        folder, or the remote store that they are in. The hooks of the pipeline are called with each result
        as it is known, in this thread.

        Args:
            values: any number, each as for `run`.
            start_from: as for `run`.
            stop_after: as for `run`.
            progress: called now and then by jobs that take long, where one input is worked on at a time.
            finished: called with each result as it is known, in any order, after the hooks.

        Raises:
            UsageError: as `run`.
        """
        self.pipeline.select_jobs(start_from, stop_after)  # misuse is raised before anything runs
        params = self.pipeline.fill_parameters(  # for each run: a default may be a date
            self.given_params, no_settings_files=self.config.no_settings_files
        )
        inputs = self._ask_first_job(start_from).parse(values)
        known: dict[int, RunResult] = {}  # by identity: a job's output need not be hashable

        def finish(result: RunResult) -> None:
            known[id(result)] = result
            call_hooks(self.pipeline, result)
            if finished:
                finished(result)

        with set_log_level(self.config.log_level):
            if self.address:
                warn_of_made_up_name(self.address)
            try:
                engine = prepare_engine(self.engine_choice)
            except PipelineError as error:
                engine = self.config.engine
                results = [RunResult(each.label, engine, exception=error) for each in inputs]
            else:
                spec = RunSpec(
                    pipeline=self.address or self.pipeline,
                    config=self.config,
                    params=params,
                    start_from=start_from,
                    stop_after=stop_after,
                    engine=engine,
                )
                with _lend_files(inputs) as files:
                    results = run_on_engine(spec, self.pipeline, files, progress, finish)
            for result in results:
                if id(result) not in known:  # the engine gave up before it came to this input
                    call_hooks(self.pipeline, result)
        return results

    def _ask_first_job(self, start_from: str | None) -> FirstJob:
        return FirstJob(self.pipeline, start_from, self.config, self.given_params)

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


def _lend_files(inputs: Sequence[RunInput]) -> AbstractContextManager[Sequence[RunInput]]:
    """Lend the inputs with temporary files in place of standard input and pipes."""
    if not any(isinstance(each.value, Stream) for each in inputs):
        return nullcontext(inputs)
    from .spooling import spool_streams  # noqa: PLC0415  # 10 ms to import, for streams only

    return spool_streams(inputs)
