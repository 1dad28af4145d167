"""A run as those know it that do a part of it, here or in another process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import local
from .config import PipelineConfig
from .context import RunContext
from .definition import JobSpec, PipelineDefinition
from .result import RunResult
from .sequence import Execute, run_all


@dataclass(frozen=True, slots=True)
class Work:
    """A run as those know it that do a part of it.

    Args:
        pipeline: the definition, or its address, where it has one.
        name: of the pipeline.
        start_from: the first job; that of the definition if None.
        stop_after: the last job; that of the definition if None.
        config: the settings.
        run_id: what the run is called in the database.
        engine: what runs it.
        slot: has an execution of a job wait for its turn.
        turns: the file by which writers take turns; None where there is but one.
        quiet: as for ``RunContext``.
    """

    pipeline: PipelineDefinition | str
    name: str
    start_from: str | None
    stop_after: str | None
    config: PipelineConfig
    run_id: str
    engine: str
    slot: local.Slot = local.unlimited
    turns: Path | None = None
    quiet: bool = False


class Prepared:
    """Work where it is done; no dataclass, in all of which Prefect would look for futures.

    Args:
        work: what was handed over.
        specs: the jobs.
        context: their surroundings.
    """

    def __init__(self, work: Work, specs: tuple[JobSpec, ...], context: RunContext) -> None:
        self.work = work
        self.specs = specs
        self.context = context

    def run(self, inputs: Sequence[str], execute: Execute | None = None) -> list[RunResult]:
        """Run the jobs over a group of inputs here, unless something else is to execute them."""
        execute = execute or partial(local.execute, slot=self.work.slot)
        return list(run_all(self.specs, inputs, self.context, self.work.engine, execute))


@contextmanager
def turns(run_id: str) -> Iterator[Path]:
    """Lend the name of a file by which the writers of a run take turns; it is made by the first of them."""
    import tempfile  # noqa: PLC0415  # 10 ms to import, for runs of several at a time alone

    path = Path(tempfile.gettempdir(), f"pipeline-{run_id}.turns")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
