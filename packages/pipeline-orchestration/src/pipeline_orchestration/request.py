"""What is asked of an engine: which jobs of which pipeline, with what settings, and who is told."""

from collections.abc import Callable
from dataclasses import dataclass

from .config import PipelineConfig
from .context import RunProgress
from .definition import JobSpec, PipelineDefinition
from .result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A range of jobs to be run over inputs.

    Args:
        definition: of the jobs.
        sent: what other processes are told of it: its address, where it has one.
        config: the settings.
        start_from: the first job; that of the definition if None.
        stop_after: the last job; that of the definition if None.
        progress: called now and then by jobs that take long.
        finished: called with each result as it is known, in any order.
    """

    definition: PipelineDefinition
    sent: PipelineDefinition | str
    config: PipelineConfig
    start_from: str | None = None
    stop_after: str | None = None
    progress: RunProgress | None = None
    finished: Callable[[RunResult], None] | None = None

    @property
    def specs(self) -> tuple[JobSpec, ...]:
        """The jobs of the range.

        Raises:
            UsageError: there is no such job, or the range is reversed.
        """
        return self.definition.between(self.start_from, self.stop_after)

    def tell(self, result: RunResult) -> None:
        """Tell who wants to know it of a result."""
        if self.finished:
            self.finished(result)
