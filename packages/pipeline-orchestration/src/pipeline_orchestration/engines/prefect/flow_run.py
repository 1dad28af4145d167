"""A run as its flow knows it: handed over by the process that starts it, or made from the flow's parameters.

Apart from the flow itself: Prefect pickles that by value for task runners, with every name its body uses.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pipeline_orchestration.context import RunProgress
from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.execution.concurrency_limits import Limiter
from pipeline_orchestration.execution.first_job import FirstJob
from pipeline_orchestration.execution.import_path import leave_safe_path
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.hooks import call_hooks
from pipeline_orchestration.inputs import RunInput, from_text
from pipeline_orchestration.loading import load_pipeline, make_address_absolute
from pipeline_orchestration.log_levels import load_settings
from pipeline_orchestration.results import RunResult
from pipeline_orchestration.settings.config import EngineName
from pipeline_orchestration.settings.sources import FoundValue

from .client_settings import hide_tracebacks_of_run

FOLDER_OF_RUNS = "_PIPELINE_FOLDER"
"""Environment variable of the folder that `pipeline serve` runs in, for the processes of its runs."""

_PLACES = ("output_dir", "db_path")
"""Settings that may be given as a file URI."""


def _ignore(_value: object) -> None:
    """Do nothing."""


@dataclass(slots=True)
class FlowRun:
    """A run, and what its flow does for the process that started it.

    Args:
        spec: the run.
        definition: of its pipeline.
        inputs: any number.
        limiter: keeps concurrency limits; None if the server does.
        progress: called now and then by jobs that take long, where one input is worked on at a time.
        on_result: called with each result as it is known.
        prints_logs: whether what the jobs' own loggers log is printed here, as a worker of Prefect's does.
        sigterm_handler: handles SIGTERM while jobs run, in place of Prefect's handler.
        results: of the inputs so far, by position.
        failure: why the flow did not come to all inputs.
        has_begun: whether the flow has taken the run.
    """

    spec: RunSpec
    definition: PipelineDefinition
    inputs: Sequence[RunInput]
    limiter: Limiter | None = None
    progress: RunProgress | None = None
    on_result: Callable[[RunResult], object] = _ignore
    prints_logs: bool = False
    sigterm_handler: object = None
    results: dict[int, RunResult] = field(default_factory=dict)
    failure: OrchestrationError | None = None
    has_begun: bool = False

    def add_result(self, position: int, result: RunResult) -> None:
        """Keep a result, so that it is known even if Prefect gives up later."""
        self.results[position] = result
        self.on_result(result)

    @contextmanager
    def handle_sigterm(self) -> Iterator[None]:
        """Handle SIGTERM in the block as this process did before Prefect took it over.

        Prefect's handler raises, and then waits without limit for the workers of a task runner.
        """
        handler = self.sigterm_handler
        if not callable(handler) or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


_handed_over: ContextVar[FlowRun | None] = ContextVar("_handed_over", default=None)


@contextmanager
def hand_over(run: FlowRun) -> Iterator[None]:
    """Hand a run to the flow that starts within the block."""
    token = _handed_over.set(run)
    try:
        yield
    finally:
        _handed_over.reset(token)


def receive_run(flow_run_id: str) -> FlowRun | None:
    """Return the run that was handed to this flow; a flow that one of its jobs starts receives none."""
    run = _handed_over.get()
    _handed_over.set(None)
    if run:
        run.has_begun = True
        run.spec = replace(run.spec, run_id=flow_run_id)
    return run


def parse_parameters(
    flow_run_id: str,
    pipeline: str,
    inputs: Sequence[str],
    start_from: str | None,
    stop_after: str | None,
    params: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> FlowRun:
    """Make a run from the parameters of a flow run that another process has started.

    Raises:
        UsageError: a parameter is invalid, or the pipeline cannot be imported.
    """
    leave_safe_path()
    if folder := os.environ.pop(FOLDER_OF_RUNS, None):
        os.chdir(folder)
    hide_tracebacks_of_run(flow_run_id)
    config = load_settings(
        {name: from_text(value) if name in _PLACES and value else value for name, value in settings.items()}
    )
    definition = load_pipeline(pipeline)
    definition.select_jobs(start_from, stop_after)  # misuse is raised before anything runs
    given = {name: FoundValue(value, "parameter of the flow run") for name, value in (params or {}).items()}
    first_job = FirstJob(definition, start_from, config, given)
    # A folder is expanded when the deployment runs, not when it was made.
    words = inputs if first_job.takes == "text" else map(from_text, inputs)
    spec = RunSpec(
        pipeline=make_address_absolute(pipeline),
        config=config,
        params=definition.fill_parameters(given, no_settings_files=config.no_settings_files),
        start_from=start_from,
        stop_after=stop_after,
        run_id=flow_run_id,
        engine=EngineName.PREFECT,
    )
    return FlowRun(
        spec,
        definition,
        first_job.parse_words(words),
        on_result=partial(call_hooks, definition),
        prints_logs=True,
    )
