"""Definition, runner and Prefect flow, from `pipeline_orchestration`."""

from typing import TYPE_CHECKING

import pipeline_orchestration
from pipeline_orchestration import JobSpec, PipelineDefinition, PipelineRunner, RunResult

if TYPE_CHECKING:
    from pipeline_orchestration import make_job_task, run_pipeline

__all__ = ["JobSpec", "PipelineDefinition", "PipelineRunner", "RunResult", "make_job_task", "run_pipeline"]


def __getattr__(name: str) -> object:
    return getattr(
        pipeline_orchestration, name
    )  # those that need Prefect, which takes over a second to import
