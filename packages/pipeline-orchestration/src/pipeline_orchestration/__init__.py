"""Pipelines of plain job classes, run in-process or as a Prefect flow."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .address import load_pipeline
    from .choice import EngineChoice
    from .config import PipelineConfig
    from .context import RunContext
    from .continuing import continue_with
    from .definition import JobSpec, PipelineDefinition
    from .deploying import deploy, serve
    from .deployment import Deployed
    from .diagnosis import diagnose
    from .errors import JobTimeoutError, OrchestrationError, UsageError
    from .inputs import expand_inputs
    from .names import EngineName, LogLevel, TaskRunnerName
    from .on_prefect.flow import run_pipeline
    from .on_prefect.tasks import make_job_task
    from .result import RunResult
    from .runner import PipelineRunner
    from .sources import pipeline_address

__all__ = [
    "Deployed",
    "EngineChoice",
    "EngineName",
    "JobSpec",
    "JobTimeoutError",
    "LogLevel",
    "OrchestrationError",
    "PipelineConfig",
    "PipelineDefinition",
    "PipelineRunner",
    "RunContext",
    "RunResult",
    "TaskRunnerName",
    "UsageError",
    "continue_with",
    "deploy",
    "diagnose",
    "expand_inputs",
    "load_pipeline",
    "make_job_task",
    "pipeline_address",
    "run_pipeline",
    "serve",
]

_MODULES = {
    "Deployed": "deployment",
    "EngineChoice": "choice",
    "EngineName": "names",
    "JobSpec": "definition",
    "JobTimeoutError": "errors",
    "LogLevel": "names",
    "OrchestrationError": "errors",
    "PipelineConfig": "config",
    "PipelineDefinition": "definition",
    "PipelineRunner": "runner",
    "RunContext": "context",
    "RunResult": "result",
    "TaskRunnerName": "names",
    "UsageError": "errors",
    "continue_with": "continuing",
    "deploy": "deploying",
    "diagnose": "diagnosis",
    "expand_inputs": "inputs",
    "load_pipeline": "address",
    "make_job_task": "on_prefect.tasks",
    "pipeline_address": "sources",
    "run_pipeline": "on_prefect.flow",
    "serve": "deploying",
}


def __getattr__(name: str) -> object:
    # On demand: Prefect takes over a second to import, and `--help` has no use for most of the rest either.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
