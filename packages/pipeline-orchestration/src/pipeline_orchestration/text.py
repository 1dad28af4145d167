"""The pipeline that is run unless another is named: a text file becomes a finalized batch."""

import pipeline_jobs  # not its classes, each of which is imported when it is first named, here by a factory

from .definition import PipelineDefinition

pipeline = (
    PipelineDefinition("text")
    .add_job("A", lambda run: pipeline_jobs.JobA(run.output_dir, encoding=run.encoding))
    .add_job("B", lambda run: pipeline_jobs.JobB(run.store, on_duplicate=run.on_duplicate), retries=3)
    .add_job("C", lambda run: pipeline_jobs.JobC(run.store))
)
