"""Description of a run: the same for every engine, and sent to workers as it is."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.loading import load_pipeline
from pipeline_orchestration.settings.config import EngineName, PipelineConfig

from .concurrency_limits import Limiter, unlimited


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Picklable description of a run: its pipeline, its range of jobs, its settings.

    Args:
        pipeline: the definition, or the address that a worker imports it from.
        config: the settings.
        params: the parameters, an instance of the definition's class; None without one.
        start_from: the first job; that of the definition if None.
        stop_after: the last job; that of the definition if None.
        run_id: the id of the run in the database, and on Prefect.
        engine: the engine that runs the jobs.
        limiter: limits how many executions of a job go on at a time.
        write_lock: a file on which the writers of a SQLite database queue; None if there is one writer.
        input_count: the number of inputs. The log has a line for each job of a single one, and a line for
            each of several; of more than a person reads, only at DEBUG.
    """

    pipeline: PipelineDefinition | str
    config: PipelineConfig
    params: object = None
    start_from: str | None = None
    stop_after: str | None = None
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    engine: EngineName = EngineName.LOCAL
    limiter: Limiter = unlimited
    write_lock: Path | None = None
    input_count: int = 1

    @property
    def reference(self) -> str:
        """The address of the pipeline, or its name if it has no address."""
        return self.pipeline if isinstance(self.pipeline, str) else self.pipeline.name

    def load_definition(self) -> PipelineDefinition:
        """Return the definition, imported from its address where only that is known.

        Raises:
            UsageError: ``usage.pipeline``: it cannot be imported.
        """
        return load_pipeline(self.pipeline) if isinstance(self.pipeline, str) else self.pipeline
