"""The pipeline that is run unless another is named: a text file becomes a finalized batch."""

import pipeline_jobs  # not its classes, each of which is imported when it is first named, here by a factory

from .definition import PipelineDefinition

# Their errors say themselves whether a retry may help: any other exception is a bug, or a lack of memory.
pipeline = (
    PipelineDefinition("text")
    .add_job(
        "A",
        lambda run: pipeline_jobs.JobA(
            run.output_dir,
            run.encoding,
            run.max_record_bytes,
            run.config.max_unpacked_bytes,
            run.config.max_unpacked_ratio,
        ),
        retries=3,
        retry_on=(),
    )
    .add_job(
        "B",
        lambda run: pipeline_jobs.JobB(run.store, run.on_duplicate, run.max_record_bytes),
        retries=3,
        retry_on=(),
    )
    .add_job("C", lambda run: pipeline_jobs.JobC(run.store), retries=3, retry_on=())
)
