"""What is handed to another process or machine: a group of inputs, and all it takes to run them there."""

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from pipeline_jobs import BaseJob, JobResult, PipelineError

from . import local
from .address import load_pipeline
from .config import PipelineConfig
from .context import RunContext
from .crossing import FILE, restored
from .definition import JobSpec, PipelineDefinition
from .errors import OrchestrationError
from .result import RunResult
from .sequence import Execute, run_all
from .sources import TEXT_PIPELINE

MANY = 100
"""Inputs, beyond which a line for each job of each is more than a person reads."""

# Seconds that the text pipeline takes for a file and for a byte, and until processes are at work.
_PER_FILE = 0.004
_PER_BYTE = 1 / 25_000_000
_START = 0.8


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

    def packed(self) -> bytes:
        """Return the work as bytes, also where factories are lambdas.

        Raises:
            OrchestrationError: ``orchestration.definition``: the definition holds what cannot be sent.
        """
        import cloudpickle  # noqa: PLC0415  # 0.03 s to import, for runs of many processes alone

        done: JobResult[bytes] = _Attempt().execute(lambda: cloudpickle.dumps(self))
        if not done.success:
            raise _unsendable(done.error) from done.exception
        return done.unwrap()


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


def perform(packed: bytes, inputs: Sequence[str]) -> bytes:
    """Run the jobs over a group of inputs where this is called, and return the results, packed.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
    """
    return pack(unpacked(packed).run(inputs))


def pack(results: list[RunResult]) -> bytes:
    """Return results as bytes that any of our processes can read, whatever jobs have returned or raised."""
    together = _packed(results)
    if together.success:
        return together.unwrap()
    return pickle.dumps([replace(result, jobs=tuple(map(_portable, result.jobs))) for result in results])


def results_of(packed: bytes) -> list[RunResult]:
    """Return the results that were packed elsewhere."""
    results: list[RunResult] = pickle.loads(packed)  # noqa: S301  # of a process of ours
    return results


@lru_cache(maxsize=1)
def unpacked(packed: bytes) -> Prepared:
    """Return work with its jobs and surroundings: once for all groups that one process is given.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
    """
    loaded = _Attempt().execute(lambda: pickle.loads(packed))  # noqa: S301  # of who hands out the work
    if not loaded.success:
        raise _unsendable(loaded.error) from loaded.exception
    work: Work = loaded.unwrap()
    pipeline = load_pipeline(work.pipeline) if isinstance(work.pipeline, str) else work.pipeline
    context = RunContext(work.config, work.run_id, turns=work.turns, quiet=work.quiet)
    return Prepared(work, pipeline.between(work.start_from, work.stop_after), context)


def grouped(inputs: Sequence[str], count: int, size: int) -> Iterator[list[int]]:
    """Yield the positions of inputs in groups of up to so many, and of so many bytes where they are files."""
    group: list[int] = []
    total = 0
    for position, text in enumerate(inputs):
        total += file_size(text)
        if group and (len(group) == count or total > size):
            yield group
            group, total = [], file_size(text)
        group.append(position)
    if group:
        yield group


def file_size(text: str) -> int:
    """Return the bytes of the file that a text stands for; 0 where it is none, or away."""
    if text.startswith(FILE):
        try:
            return os.stat(str(restored(text))).st_size  # noqa: PTH116  # the quickest, for many files
        except (OSError, ValueError):
            return 0
    return 0


def pays(pipeline: PipelineDefinition | str, inputs: Sequence[str]) -> bool:
    """Return whether inputs are worth starting processes; for a pipeline of a user's own, all are."""
    if pipeline != TEXT_PIPELINE:
        return len(inputs) > 1
    seconds = _PER_FILE * len(inputs) + _PER_BYTE * sum(map(file_size, inputs))
    return len(inputs) > 1 and seconds > _START


@contextmanager
def turns(run_id: str) -> Iterator[Path]:
    """Lend the name of a file by which the writers of a run take turns; it is made by the first of them."""
    import tempfile  # noqa: PLC0415  # 10 ms to import, for runs of several at a time alone

    path = Path(tempfile.gettempdir(), f"pipeline-{run_id}.turns")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def password_for_children(config: PipelineConfig) -> dict[str, str]:
    """Return what is to be in the environment of processes we start: what they are sent is without it."""
    url = config.db_url
    return {"PIPELINE_DB_URL": url.with_password} if url and url.has_password else {}


@contextmanager
def children_with_password(config: PipelineConfig) -> Iterator[None]:
    """Have processes that are started in the block find the password of the database."""
    name, before = "PIPELINE_DB_URL", os.environ.get("PIPELINE_DB_URL")
    os.environ.update(password_for_children(config))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


class _Attempt(BaseJob[Callable[[], Any], Any]):
    """Calls what may raise anything, as pickling does where a class of a user's own has a say in it."""

    def validate_input(self, value: object) -> Callable[[], Any]:
        if not callable(value):
            raise TypeError(value)
        return value

    def single_job(self, value: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever that returns
        return value()


def _packed(results: Sequence[object]) -> JobResult[bytes]:
    """Return results as bytes that another process can read, or why that cannot be."""

    def packed() -> bytes:
        data = pickle.dumps(results)
        pickle.loads(data)  # noqa: S301  # our own; an exception may be pickled that cannot be made again
        return data

    return _Attempt().execute(packed)


def _portable(result: JobResult[Any]) -> JobResult[Any]:
    """Return a result that another process can read, whatever the job has returned or raised."""
    reason = _packed([result]).error
    if reason is None:
        return result
    if result.exception is not None:
        failure = PipelineError(str(result.code), str(result.error), retriable=result.retriable)
    else:
        text = f"its output, a {type(result.output).__name__}, cannot be sent to another process: {reason}"
        failure = OrchestrationError("orchestration.output", text)
    return replace(result, output=None, exception=failure)


def _unsendable(reason: str | None) -> OrchestrationError:
    text = f"the pipeline cannot be sent to another process: {reason}"
    hint = "name it by an address that can be imported there, or use --concurrency 1"
    return OrchestrationError("orchestration.definition", f"{text}; {hint}")
