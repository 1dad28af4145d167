from .context import RunContext
from .definition import JobSpec, PipelineDefinition
from .deploying import deploy, serve
from .diagnostics import diagnose
from .engines.dispatch import EngineChoice
from .engines.prefect.deployment_spec import CreatedDeployment
from .engines.prefect.flows import run_pipeline
from .engines.prefect.tasks import make_job_task
from .exceptions import JobTimeoutError, OrchestrationError, UsageError
from .execution.resume_command import build_resume_command
from .inputs import expand_inputs
from .loading import load_pipeline
from .results import RunResult, UnsentOutput
from .runner import PipelineRunner
from .settings.config import EngineName, LogLevel, PipelineConfig, TaskRunnerName
from .settings.sources import resolve_pipeline_address
from .table_definition import table_pipeline

__all__ = [
    "CreatedDeployment",
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
    "UnsentOutput",
    "UsageError",
    "build_resume_command",
    "deploy",
    "diagnose",
    "expand_inputs",
    "load_pipeline",
    "make_job_task",
    "resolve_pipeline_address",
    "run_pipeline",
    "serve",
    "table_pipeline",
]
