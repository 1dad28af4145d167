"""Diagnostics of all that a run depends on: settings, output folder, database, engine."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from pipeline_db import PeeweeStore, examine_database
from pipeline_db.queries import LOADED
from pipeline_jobs import Finding, JobC, Url
from pipeline_jobs.diagnostics import examine_folder
from pipeline_jobs.exceptions import make_failure

from .context import DraftContext
from .engines.dispatch import choose
from .engines.prefect.api_url import find_api_url
from .engines.prefect.health import examine_api
from .exceptions import OrchestrationError, UsageError
from .execution.resume_command import build_run_command
from .loading import load_pipeline
from .log_levels import log_named_settings
from .settings.config import EngineName, PipelineConfig, TaskRunnerName
from .settings.sources import SETTINGS_FILES

_NOT_ASKED = "not asked: no password or key is sent to a place that a file of the current folder names"


def diagnose(*, params: object = None, **arguments: object) -> list[Finding]:
    """Examine all that a run with these settings would depend on, and create or change nothing.

    Do not call it while this process has the database open; ``examine_database`` says why.

    Args:
        params: as ``PipelineRunner`` takes them.
        arguments: as ``PipelineConfig.load`` takes them.
    """
    try:
        gathered = PipelineConfig.gather(arguments)
        config, faults, places = gathered
    except (UsageError, FileNotFoundError) as error:
        if isinstance(error, FileNotFoundError):
            error = UsageError(
                "usage.setting", "the current folder does not exist any more, so no path can be resolved"
            )
        hint = "correct this first; then folder, database and engine can be examined"
        return [Finding("settings", "cannot be read", error, hint)]
    findings = [Finding("settings", "invalid", fault) for fault in faults.values()]
    if not findings:
        given = ", ".join(f"{name} ({place})" for name, place in places.items())
        findings = [Finding("settings", given or "the defaults")]
    log_named_settings(gathered)
    if "pipeline" not in faults:
        findings += examine_parameters(config.pipeline, params, no_settings_files=config.no_settings_files)
    if "output_dir" not in faults:
        place = places.get("output_dir", "")
        if isinstance(config.output_dir, Url) and place in SETTINGS_FILES:
            hint = f"{_NOT_ASKED}, as {place} does; give it as --output-dir"
            findings.append(Finding("output", config.output_dir.shown, hint=hint))
        else:
            findings += examine_folder(config.output_dir)
    if not faults.keys() & {"db_path", "db_url"}:
        sends_password = places.get("db_url") not in SETTINGS_FILES
        for finding in examine_database(config.db_url or config.db_path, sends_password=sends_password):
            is_unfinished = finding.what == "batches" and finding.hint and sends_password
            findings.append(_add_command(finding, config, params, arguments) if is_unfinished else finding)
    if "engine" not in faults:
        findings += examine_engine(
            config.engine, config.requested_task_runner, no_settings_files=config.no_settings_files
        )
    return findings


def _add_command(
    finding: Finding, config: PipelineConfig, params: object, arguments: Mapping[str, object]
) -> Finding:
    """Add the command that finalizes the newest unfinished batch, if the pipeline has a job C."""
    try:
        batches = PeeweeStore(config.db_url or config.db_path).batches()
        definition = load_pipeline(config.pipeline)
        context = DraftContext(
            config,
            run_id="",
            params=definition.fill_parameters(params, no_settings_files=config.no_settings_files),
        )
        names = [spec.name for spec in definition.select_jobs() if isinstance(spec.factory(context), JobC)]
    except BaseException as error:  # noqa: BLE001  # a factory is the user's code; the command is only advice
        make_failure(error, "the factory")  # raises an interruption again
        return finding
    unfinished = [batch.id for batch in batches if batch.status == LOADED]
    if not names or not unfinished:
        return finding
    command = build_run_command(arguments, {"start_from": names[0]}, unfinished[-1])
    return replace(finding, hint=f"{finding.hint}, or: {command}")


def examine_parameters(
    pipeline: str, given: object = None, *, no_settings_files: bool = False
) -> list[Finding]:
    """Report whether the parameters of a pipeline can be filled; nothing if it has none.

    Args:
        pipeline: its address.
        given: as ``PipelineRunner`` takes them.
        no_settings_files: leave out the settings files.
    """
    try:
        definition = load_pipeline(pipeline)
    except UsageError as error:
        return [Finding("pipeline", "cannot be loaded", error)]
    try:
        definition.fill_parameters(given, no_settings_files=no_settings_files)
    except UsageError as error:
        return [Finding("parameters", "invalid", error)]
    if not definition.parameters:
        return []
    places = definition.parameters.gather(given, no_settings_files=no_settings_files).places
    found = ", ".join(f"{name} ({place})" for name, place in places.items())
    return [Finding("parameters", found or "the defaults")]


def examine_engine(
    requested: EngineName, task_runner: TaskRunnerName | None = None, *, no_settings_files: bool = False
) -> list[Finding]:
    """Report which engine a run would use and why, and whether the API of Prefect answers."""
    try:
        findings = [Finding("Prefect", version("prefect"))]
    except PackageNotFoundError:
        findings = [Finding("Prefect", "not installed")]
    try:
        choice = choose(requested, task_runner, no_settings_files=no_settings_files)
    except OrchestrationError as error:
        return [*findings, Finding("engine", requested, error)]
    findings.append(Finding("engine", f"{choice.engine}: {choice.reason}"))
    if choice.engine is EngineName.PREFECT and (api := find_api_url(no_settings_files=no_settings_files)):
        findings.append(examine_api(api))
    return findings
