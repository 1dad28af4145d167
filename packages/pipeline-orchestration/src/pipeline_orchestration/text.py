"""The pipeline that is run unless another is named: a text file becomes a finalized batch."""

from pipeline_jobs import JobA, JobB, JobC

from .definition import PipelineDefinition

pipeline = (
    PipelineDefinition("text")
    .add_job("A", lambda run: JobA(run.output_dir, encoding=run.encoding))
    .add_job("B", lambda run: JobB(run.store, on_duplicate=run.on_duplicate), retries=3)
    .add_job("C", lambda run: JobC(run.store))
)
