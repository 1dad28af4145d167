"""Errors of orchestration.

pipeline_jobs.PipelineError
├── JobTimeoutError      job…             a job took longer than it may
├── OrchestrationError   orchestration…   the engine failed, or is not available
└── UsageError           usage…           a call is wrong; the only error that the runner raises
"""

from pipeline_jobs import PipelineError


class JobTimeoutError(PipelineError):
    """A job was ended because it took longer than its definition allows."""


class OrchestrationError(PipelineError):
    """Jobs could not be run: the engine failed, not a job."""


class UsageError(PipelineError, ValueError):
    """A call is wrong: an unknown job, a reversed range, a setting out of bounds."""
