"""Result of a run of a pipeline over one input."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_jobs import BatchId, JobResult, PipelineError

if TYPE_CHECKING:
    from pipeline_jobs.documents.rows import Sums

_COUNTS_OF_ROWS = frozenset({"read", "records", "rejected", "blank", "dropped"})


@dataclass(frozen=True, slots=True)
class UnsentOutput:
    """Stands for the output of a job that another process could not send back; the job succeeded.

    Args:
        type_name: name of the output's type.
        reason: why it could not be sent.
    """

    type_name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.type_name}, not sent from the worker process: {self.reason}"


@dataclass(frozen=True, slots=True)
class RunResult:
    """Result of a run: the results of the jobs that ran, the last of which decides.

    Args:
        input: the input as text.
        engine: name of the engine.
        jobs: results of the jobs, in order.
        exception: error that kept the jobs from running, if it came from none of them.
        run_id: id of the run in the database and on Prefect; None if no run began.
        url: page of the run, if Prefect's server has pages.
    """

    input: str
    engine: str
    jobs: tuple[JobResult[object], ...] = ()
    exception: PipelineError | None = None
    run_id: str | None = None
    url: str | None = None

    @property
    def last(self) -> JobResult[object]:
        """The result that decides: that of the last job, or of the error that kept it from running."""
        if self.exception is not None or not self.jobs:
            return JobResult("", exception=self.exception)
        return self.jobs[-1]

    @property
    def success(self) -> bool:
        """True if all jobs of the range succeeded."""
        return self.last.success

    @property
    def output(self) -> object:
        """Output of the last job; None after a failure."""
        return self.last.output

    @property
    def error(self) -> str | None:
        """Message of the failure; None after a success."""
        return self.last.error

    @property
    def code(self) -> str | None:
        """Code of the failure; None after a success."""
        return self.last.code

    @property
    def batch_id(self) -> BatchId | None:
        """The batch that the run loaded, found or finalized, if any."""
        outputs = (job.output for job in reversed(self.jobs))
        return next((output for output in outputs if isinstance(output, BatchId)), None)

    @property
    def sums(self) -> "Sums | None":
        """What became of the rows of the input, as the job says that loaded them; None for lines of text."""
        for job in self.jobs:
            if isinstance(job.output, BatchId) and job.counts.keys() >= _COUNTS_OF_ROWS:
                from pipeline_jobs.documents.rows import Sums  # noqa: PLC0415  # lines of text need none of it

                counts = {**job.counts, "loaded": job.counts["records"]}
                return Sums(*(counts[name] for name in Sums._fields))
        return None

    @property
    def duplicate(self) -> bool:
        """True if nothing was loaded, because a finalized batch already holds the records."""
        return any("duplicate" in job.counts for job in self.jobs)
