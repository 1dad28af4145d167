"""Jobs, from `pipeline_jobs`."""

from pipeline_jobs import BaseJob, JobA, JobB, JobC, JobResult

__all__ = ["BaseJob", "JobA", "JobB", "JobC", "JobResult"]
