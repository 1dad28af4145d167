"""Choice of the engine, and dispatch of a run to it: in this process, in worker processes, or on Prefect."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pipeline_jobs.escaping import escape
from pipeline_orchestration.context import RunProgress
from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.execution.concurrency_limits import open_limiter
from pipeline_orchestration.execution.job_loop import JobLoop
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.execution.scheduler import Scheduler
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.log_levels import set_log_level
from pipeline_orchestration.results import RunResult
from pipeline_orchestration.settings.config import EngineName, TaskRunnerName
from pipeline_orchestration.settings.sources import TEXT_PIPELINE

from .prefect import api_url

type OnResult = Callable[[RunResult], object]
"""Called with each result as it is known, in any order."""

_TEMPORARY = "no API is configured, so Prefect starts a temporary server"

# Seconds that the text pipeline takes for a file and for a byte, and that worker processes take to start.
_SECONDS_PER_FILE = 0.004
_SECONDS_PER_BYTE = 1 / 25_000_000
_SECONDS_TO_START = 0.8

_log = logging.getLogger(__name__)


class EngineChoice(NamedTuple):
    """An engine and the reason for it.

    Args:
        engine: ``local`` or ``prefect``.
        reason: in words, printable and without secrets.
        temporary: whether a temporary Prefect server has to be started.
        no_settings_files: whether Prefect leaves out the settings files of the current folder.
    """

    engine: EngineName
    reason: str
    temporary: bool = False
    no_settings_files: bool = False


def choose(
    asked: EngineName, task_runner: TaskRunnerName | None = None, *, no_settings_files: bool = False
) -> EngineChoice:
    """Return the engine that is asked for; ``auto`` is Prefect where Prefect would find an API, else local.

    A task runner is Prefect's, so that whoever asks for one asks for Prefect, unless for the local engine.

    Raises:
        OrchestrationError: ``orchestration.settings``: Prefect's own settings cannot be read, or somebody
            else may have written them; or it has to run, and the user has no home directory.
    """
    choice = _choose(asked, task_runner, no_settings_files=no_settings_files)
    if choice.engine is EngineName.PREFECT:
        _check_home()
        check_settings_files(task_runner, no_settings_files=no_settings_files)
    return choice._replace(no_settings_files=True) if no_settings_files else choice


def check_settings_files(
    task_runner: TaskRunnerName | str | None = None, *, no_settings_files: bool = False
) -> None:
    """Check the files of the current folder that Prefect reads.

    Args:
        task_runner: starts processes, in which Prefect reads them too; None and threads do not.
        no_settings_files: whether they are left out.

    Raises:
        OrchestrationError: ``orchestration.settings``: somebody else may have written one, or it cannot be
            left out.
    """
    try:
        if not no_settings_files:
            api_url.check_settings_files()
            return
        api_url.check_dotenv(Path(".env").absolute())  # Prefect opens it before it is left out
        starts_processes = task_runner not in (None, TaskRunnerName.THREADS)
        files = api_url.list_settings_files() if starts_processes else []
    except ValueError as error:
        raise OrchestrationError(
            "orchestration.settings", escape(f"Prefect's settings cannot be read: {error}")
        ) from error
    if files:
        text = f"in the processes of {task_runner}, Prefect would read {escape(files[0])} all the same"
        raise OrchestrationError("orchestration.settings", f"{text}; move it away, or use another folder")


def _check_home() -> None:
    """Check that the user has a home directory, without which Prefect cannot be imported."""
    if api_url.find_home() is None:
        text = f"Prefect needs a home directory, and the user with the id {os.getuid()} has none"
        hint = "set HOME to a folder that this user can write to, or use --engine local"
        raise OrchestrationError("orchestration.settings", f"{text}; {hint}")


def _choose(
    asked: EngineName, task_runner: TaskRunnerName | None, *, no_settings_files: bool
) -> EngineChoice:
    if asked is EngineName.LOCAL:
        return EngineChoice(asked, "asked for")
    try:
        found = api_url.find_api_url(no_settings_files=no_settings_files)
    except ValueError as error:
        raise OrchestrationError(
            "orchestration.settings", f"Prefect's settings cannot be read: {error}"
        ) from error
    if found:
        return EngineChoice(EngineName.PREFECT, escape(f"{found.origin} names the API {found.shown}"))
    if asked is EngineName.PREFECT:
        return EngineChoice(asked, f"asked for; {_TEMPORARY}", temporary=True)
    if task_runner:
        reason = f"it has the task runner {task_runner}, which is asked for; {_TEMPORARY}"
        return EngineChoice(EngineName.PREFECT, reason, temporary=True)
    return EngineChoice(EngineName.LOCAL, "no Prefect API is configured")


def prepare_engine(choice: EngineChoice) -> EngineName:
    """Log which engine runs and why; import Prefect if it is that.

    Raises:
        OrchestrationError: Prefect cannot be imported.
    """
    _log.info("engine %s: %s", choice.engine, choice.reason)
    if choice.engine is EngineName.PREFECT:
        if choice.temporary and "prefect" not in sys.modules:
            # The server's imports take seconds, and so do ours that follow: they run side by side.
            from .prefect.ephemeral_server import SERVER_VARIABLES, shared_server  # noqa: PLC0415  # 20 ms to import

            shared_server.reads_files = not choice.no_settings_files
            shared_server.begin(SERVER_VARIABLES)
        import_prefect(no_settings_files=choice.no_settings_files)
    return choice.engine


def run_on_engine(
    spec: RunSpec,
    definition: PipelineDefinition,
    inputs: Sequence[RunInput],
    progress: RunProgress | None,
    on_result: OnResult,
) -> list[RunResult]:
    """Run inputs on the engine of the spec, which is prepared; return a result for each, in their order.

    Args:
        spec: the run.
        definition: of its pipeline.
        inputs: any number.
        progress: called now and then by jobs that take long, where one input is worked on at a time.
        on_result: called with each result as it is known, in any order.
    """
    if not inputs:
        return []
    if spec.engine is EngineName.PREFECT:
        from .prefect.submit import run_on_prefect  # noqa: PLC0415  # Prefect takes 2.7 s to import

        with set_log_level(spec.config.log_level):  # the import of Prefect has configured logging anew
            return run_on_prefect(spec, definition, inputs, progress, on_result)
    spec = replace(spec, input_count=len(inputs))
    if spec.config.concurrency > 1 and is_worth_processes(spec.pipeline, inputs):
        from multiprocessing import current_process  # noqa: PLC0415  # 10 ms to import, for several inputs only

        if not current_process().daemon:
            from .processes.pool import run_in_processes  # noqa: PLC0415  # 0.1 s to import

            return run_in_processes(spec, inputs, on_result)
        _log.warning("inputs run one after another: a daemonic process cannot have worker processes")
    jobs = definition.select_jobs(spec.start_from, spec.stop_after)
    scheduler = Scheduler(inputs, [[position] for position in range(len(inputs))], spec.engine)
    results = {}
    with open_limiter(jobs) as limiter:
        loop = JobLoop(replace(spec, limiter=limiter), jobs, progress)
        for position, result in scheduler.run_in_turn(loop.run):
            results[position] = result
            on_result(result)
    return [results[position] for position in range(len(inputs))]


def is_worth_processes(pipeline: PipelineDefinition | str, inputs: Sequence[RunInput]) -> bool:
    """Tell whether inputs are worth the start of worker processes; for a user's own pipeline, two are."""
    if len(inputs) < 2:  # noqa: PLR2004  # one input occupies one process
        return False
    if pipeline != TEXT_PIPELINE:
        return True
    seconds = _SECONDS_PER_FILE * len(inputs) + _SECONDS_PER_BYTE * sum(each.size for each in inputs)
    return seconds > _SECONDS_TO_START


def import_prefect(*, no_settings_files: bool = False) -> None:
    """Import the Prefect engine, which takes seconds and fails if Prefect's settings are invalid.

    Args:
        no_settings_files: leave out the settings files of the current folder, from now on.

    Raises:
        OrchestrationError: ``orchestration.settings``.
    """
    _check_home()
    if no_settings_files:
        from .prefect.settings_files import leave_out_files  # noqa: PLC0415  # for this setting only

        leave_out_files()
    from pydantic import ValidationError  # noqa: PLC0415  # 0.1 s to import, and Prefect does it anyway

    try:
        from .prefect import flows  # noqa: F401, PLC0415  # only here: see above
    except ValidationError as error:  # of Prefect's settings, which its import reads
        first = error.errors(include_url=False, include_input=False)[0]
        text = ": ".join(["Prefect's settings cannot be used", *map(str, first["loc"]), first["msg"]])
        raise OrchestrationError("orchestration.settings", text) from error
