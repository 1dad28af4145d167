"""The errors of orchestration.

pipeline_jobs.PipelineError
├── JobTimeoutError      job…             a job took longer than it may
├── OrchestrationError   orchestration…   whatever runs the jobs is not there, or gave up
└── UsageError           usage…           a call that makes no sense; the only error the runner raises
"""

from pipeline_jobs import PipelineError


class JobTimeoutError(PipelineError):
    """A job was ended because it took longer than its definition allows."""


class OrchestrationError(PipelineError):
    """Jobs could not be run: the engine failed, not a job."""


class UsageError(PipelineError, ValueError):
    """A call that makes no sense: an unknown job, a reversed range, a setting out of bounds."""
