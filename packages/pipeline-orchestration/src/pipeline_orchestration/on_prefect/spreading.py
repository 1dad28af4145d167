"""How the inputs of a flow run are worked on: in turn, or spread by a task runner."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from threading import Event

from pipeline_orchestration.context import RunContext, RunProgress
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.groups import MANY
from pipeline_orchestration.names import TaskRunnerName
from pipeline_orchestration.packing import pack_work
from pipeline_orchestration.passwords import children_with_password
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.sequence import run_all
from pipeline_orchestration.work import Prepared, Work, turns

from .groups import InThisProcess, Parts, in_turn
from .logs import Follow
from .moving import both
from .spread import Spread
from .task_runners import started, workers
from .tasks import as_tasks


class StoppedError(BaseException):
    """The run is ending; no failure of a job."""


def run_spread(
    work: Work,
    specs: Sequence[JobSpec],
    inputs: Sequence[str],
    follow: Follow,
    progress: RunProgress,
    shown: RunProgress | None,
) -> Iterator[tuple[int, RunResult]]:
    """Run jobs over inputs, and yield position and result of each as they are known.

    Called within a flow run.

    Args:
        work: all it takes to run them.
        specs: the jobs.
        inputs: as an engine is given them.
        follow: told of each job that runs in this process.
        progress: called now and then by those that take long, by several at a time.
        shown: likewise, by one at a time alone.

    Raises:
        OrchestrationError: the task runner does not start, loses all that it is given, or cannot be sent the
            definition.
    """
    work = replace(work, quiet=len(inputs) > MANY)
    name = work.config.spreads_by or TaskRunnerName.THREADS
    if name is TaskRunnerName.THREADS and work.config.concurrency == 1:
        here = InThisProcess(_prepared(work, specs, both(progress, shown)), follow)
        yield from _in_turn(here, inputs)
        return
    stopping = Event()

    def stop_if_asked(*_: object) -> None:
        if stopping.is_set():
            raise StoppedError

    with turns(work.run_id) as file:
        work = replace(work, turns=file)
        sent: bytes | InThisProcess
        if name is TaskRunnerName.THREADS:
            sent = InThisProcess(_prepared(work, specs, both(stop_if_asked, progress)), follow)
        else:
            sent = pack_work(work)
        parts = Parts(sent, inputs, workers(name, work.config), work.engine)
        # A pool of processes is broken by one that is killed; a cluster goes on.
        breaks = name is TaskRunnerName.PROCESSES
        with children_with_password(work.config):
            yield from Spread(parts, partial(started, name, work.config), stopping, breaks=breaks).results()


def _prepared(work: Work, specs: Sequence[JobSpec], progress: RunProgress) -> Prepared:
    context = RunContext(work.config, work.run_id, progress, turns=work.turns, quiet=work.quiet)
    return Prepared(work, tuple(specs), context)


def _in_turn(here: InThisProcess, inputs: Sequence[str]) -> Iterator[tuple[int, RunResult]]:
    work = here.prepared.work
    if work.quiet:
        yield from in_turn(Parts(here, inputs, 1, work.engine))
        return
    execute = as_tasks(work.name, work.slot, here.follow)
    yield from enumerate(run_all(here.prepared.specs, inputs, here.prepared.context, work.engine, execute))
