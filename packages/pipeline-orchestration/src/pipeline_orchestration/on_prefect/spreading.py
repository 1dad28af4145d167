"""How the inputs of a flow run are worked on: in turn, or spread by a task runner."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event

from pipeline_orchestration.context import RunContext, RunProgress
from pipeline_orchestration.definition import JobSpec
from pipeline_orchestration.groups import MANY, Work, turns
from pipeline_orchestration.names import TaskRunnerName
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.sequence import run_all

from .groups import Parts, Prepared, in_turn
from .spread import Spread
from .task_runners import make_task_runner, workers
from .tasks import as_tasks


class StoppedError(BaseException):
    """The run is ending; no failure of a job."""


def run_spread(
    work: Work, specs: Sequence[JobSpec], inputs: Sequence[str], progress: RunProgress | None
) -> Iterator[tuple[int, RunResult]]:
    """Run jobs over inputs, and yield position and result of each as they are known.

    Called within a flow run.

    Raises:
        OrchestrationError: the task runner does not start, loses all that it is given, or cannot be sent the
            definition.
    """
    work = replace(work, quiet=len(inputs) > MANY)
    name = work.config.spreads_by or TaskRunnerName.THREADS
    if name is TaskRunnerName.THREADS and work.config.concurrency == 1:
        yield from _in_turn(work, specs, inputs, progress)
        return
    stopping = Event()

    def stop_if_asked(*_: object) -> None:
        if stopping.is_set():
            raise StoppedError

    with turns(work.run_id) as file:
        work = replace(work, turns=file)
        if name is TaskRunnerName.THREADS:
            context = RunContext(work.config, work.run_id, stop_if_asked, turns=file, quiet=work.quiet)
            sent: bytes | Prepared = Prepared(tuple(specs), context, work.engine)
        else:
            sent = work.packed()
        parts = Parts(sent, inputs, workers(name, work.config), work.engine)
        yield from Spread(parts, make_task_runner(name, work.config), stopping).results()


def _in_turn(
    work: Work, specs: Sequence[JobSpec], inputs: Sequence[str], progress: RunProgress | None
) -> Iterator[tuple[int, RunResult]]:
    context = RunContext(work.config, work.run_id, progress, quiet=work.quiet)
    if work.quiet:
        yield from in_turn(Parts(Prepared(tuple(specs), context, work.engine), inputs, 1, work.engine))
    else:
        yield from enumerate(run_all(specs, inputs, context, work.engine, as_tasks(specs)))
