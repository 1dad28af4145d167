"""Everything a run depends on, examined without a run: settings, output folder, database, engine."""

from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version

from pipeline_db import examine_database
from pipeline_jobs import Finding, examine_folder

from .choice import choose
from .config import PipelineConfig
from .errors import OrchestrationError, UsageError
from .names import EngineName, TaskRunnerName
from .prefect_settings import api_url
from .reachable import examine_api
from .sources import gather


def diagnose(**arguments: object) -> list[Finding]:
    """Examine all that a run with these settings would depend on; nothing is made or changed.

    Not to be called while this process has the database open, as for ``examine_database``.

    Args:
        arguments: as ``PipelineConfig.load`` takes them.
    """
    try:
        config, faults = PipelineConfig.gathered(arguments)
    except (UsageError, FileNotFoundError) as error:
        if isinstance(error, FileNotFoundError):
            error = UsageError(
                "usage.setting", "the current folder, where paths begin, is not there any more"
            )
        hint = "folder, database and engine can be examined once that is mended"
        return [Finding("settings", "cannot be read", error, hint)]
    findings = [Finding("settings", "makes no sense", fault) for fault in faults.values()]
    findings = findings or [Finding("settings", _places(arguments))]
    if "output_dir" not in faults:
        findings += examine_folder(config.output_dir)
    if not faults.keys() & {"db_path", "db_url"}:
        findings += examine_database(config.db_url or config.db_path)
    if "engine" not in faults:
        findings += examine_engine(config.engine, config.spreads_by)
    return findings


def examine_engine(asked: EngineName, task_runner: TaskRunnerName | None = None) -> list[Finding]:
    """Tell which engine a run would take and why, and whether the API that it would use answers."""
    try:
        findings = [Finding("Prefect", version("prefect"))]
    except PackageNotFoundError:
        findings = [Finding("Prefect", "not installed")]
    try:
        choice = choose(asked, task_runner)
    except OrchestrationError as error:
        return [*findings, Finding("engine", asked, error)]
    findings.append(Finding("engine", f"{choice.engine}: {choice.reason}"))
    if choice.engine is EngineName.PREFECT and (api := api_url()):
        findings.append(examine_api(api))
    return findings


def _places(arguments: Mapping[str, object]) -> str:
    """Return which settings are given, and where."""
    given = gather([field.name for field in fields(PipelineConfig)], arguments)
    return ", ".join(f"{name} ({each.place})" for name, each in given.items()) or "the defaults"
