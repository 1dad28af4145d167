"""What a run of a pipeline over one input came to."""

from dataclasses import dataclass

from pipeline_jobs import BatchId, JobResult, PipelineError


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run: the results of the jobs that ran, of which the last one decides.

    Args:
        input: what the run was given, as text.
        engine: what ran it.
        jobs: the results in order.
        exception: what kept the jobs from running, where it was none of them.
        run_id: what the run is called in the database, and on Prefect; None if it came to no run.
        url: the page of the run, where Prefect's server has one.
    """

    input: str
    engine: str
    jobs: tuple[JobResult[object], ...] = ()
    exception: PipelineError | None = None
    run_id: str | None = None
    url: str | None = None

    @property
    def last(self) -> JobResult[object]:
        """The result that decides."""
        if self.exception is not None or not self.jobs:
            return JobResult("", exception=self.exception)
        return self.jobs[-1]

    @property
    def success(self) -> bool:
        """Whether every job of the range did what it is for."""
        return self.last.success

    @property
    def output(self) -> object:
        """What the last job returned; None after a failure."""
        return self.last.output

    @property
    def error(self) -> str | None:
        """The failure as text; None after a success."""
        return self.last.error

    @property
    def code(self) -> str | None:
        """The failure's code; None after a success."""
        return self.last.code

    @property
    def batch_id(self) -> BatchId | None:
        """The batch the run loaded, found or finalized; None if it came to none."""
        outputs = (job.output for job in reversed(self.jobs))
        return next((output for output in outputs if isinstance(output, BatchId)), None)

    @property
    def duplicate(self) -> bool:
        """Whether a finalized batch held the records already, so that nothing was loaded."""
        return any("duplicate" in job.counts for job in self.jobs)
