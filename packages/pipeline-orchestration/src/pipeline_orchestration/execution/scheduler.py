"""The scheduler: groups of inputs go to workers, results come back, the inputs of lost groups are retried."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any, Protocol

from pipeline_jobs import PipelineError
from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.results import RunResult

from .failure_scope import FailureScope

MANY = 100
"""Up to so many inputs, each has its own log lines and task runs: more than that, no person reads."""

_GROUPS_PER_WORKER = 4  # at least, so that no worker idles for long at the end of a run
_MAX_CONSECUTIVE_LOSSES = 8

_log = logging.getLogger(__name__)


def group_inputs(
    inputs: Sequence[RunInput], max_count: int, max_bytes: int, workers: int | None = None
) -> Iterator[list[int]]:
    """Yield groups of positions, each of at most `max_count` inputs whose files have `max_bytes` together.

    If `workers` is given, groups are so small that each worker gets several.
    """
    if workers:
        max_count = max(1, min(max_count, len(inputs) // (_GROUPS_PER_WORKER * workers)))
    group: list[int] = []
    total = 0
    for position, run_input in enumerate(inputs):
        size = run_input.size
        if group and (len(group) == max_count or total + size > max_bytes):
            yield group
            group, total = [], 0
        group.append(position)
        total += size
    if group:
        yield group


class GroupFuture(Protocol):
    """Handle of a submitted group: a future of ``concurrent.futures`` or of Prefect."""

    def add_done_callback(self, fn: Callable[[Any], None], /) -> object:
        """Call `fn` with this future when the group is done or lost."""


class WorkerLostError(Exception):
    """A worker ended before its group was done."""


class Scheduler:
    """Hands groups of inputs to workers, some at a time.

    If a worker is lost, the inputs of its group are retried one by one, as one of them may be at fault.
    What the worker had committed is found in the database, so that nothing is loaded twice.

    Args:
        inputs: of the run.
        groups: positions of inputs, each group for one worker.
        engine: named in the results.
        capacity: how many groups are submitted at a time.
        max_losses: after so many losses, an input that was alone in its group fails.
        isolate_retries: run inputs that were lost with nothing beside them: where one crash breaks all
            workers, only that tells which input is at fault.
        give_up_code: code of the error after many losses in a row.
    """

    def __init__(
        self,
        inputs: Sequence[RunInput],
        groups: Iterable[list[int]],
        engine: str,
        *,
        capacity: int = 1,
        max_losses: int = 1,
        isolate_retries: bool = False,
        give_up_code: str = "orchestration.failed",
    ) -> None:
        self._inputs = inputs
        self._waiting = deque(groups)
        self._engine = engine
        self._capacity = capacity
        self._max_losses = max_losses
        self._isolate_retries = isolate_retries
        self._give_up_code = give_up_code
        self._in_flight: dict[GroupFuture, list[int]] = {}
        self._losses: dict[int, int] = {}  # by position
        self._consecutive_losses = 0
        self._scope = FailureScope()

    @property
    def has_waiting(self) -> bool:
        """True if groups wait to be submitted."""
        return bool(self._waiting)

    def run[F: GroupFuture](
        self,
        submit: Callable[[list[int]], F],
        collect: Callable[[F], list[RunResult]],
        *,
        stop_on_loss: bool = False,
    ) -> Iterator[tuple[int, RunResult]]:
        """Run the waiting groups; yield positions and results as they are known.

        Args:
            submit: hands a group to a worker.
            collect: returns the results of a group that is done; raises ``WorkerLostError`` if it was lost,
                or a ``PipelineError`` if the worker could not run it.
            stop_on_loss: submit nothing more after a loss, and return when what was submitted is done: the
                caller then calls again with new workers.
        """
        done: SimpleQueue[F] = SimpleQueue()
        lost = False
        while True:
            while self._waiting and not (lost and stop_on_loss) and self._may_submit(self._waiting[0]):
                group = self._waiting.popleft()
                future = submit(group)
                self._in_flight[future] = group
                future.add_done_callback(done.put)
            if not self._in_flight:
                return
            future = done.get()
            group = self._in_flight.pop(future)
            try:
                results = collect(future)
                self._consecutive_losses = 0
            except WorkerLostError as error:
                lost = True
                results = self._handle_loss(group, str(error))
            except PipelineError as error:
                results = [self._fail(position, error) for position in group]
            yield from self._settle(group, results)

    def run_in_turn(self, run_input: Callable[[RunInput], RunResult]) -> Iterator[tuple[int, RunResult]]:
        """Run the waiting inputs one after another in this thread; yield positions and results."""
        while self._waiting:
            group = self._waiting.popleft()
            yield from self._settle(group, [run_input(self._inputs[position]) for position in group])

    def _may_submit(self, group: list[int]) -> bool:
        if self._isolate_retries and self._in_flight:
            beside = (group, *self._in_flight.values())
            if any(position in self._losses for each in beside for position in each):
                return False
        return len(self._in_flight) < self._capacity

    def _settle(self, group: list[int], results: list[RunResult]) -> Iterator[tuple[int, RunResult]]:
        """Yield the results of a group, then those of waiting inputs that have become pointless."""
        pointless = False
        # After a loss there are fewer results than inputs: the others wait again.
        for position, result in zip(group, results, strict=False):
            yield position, result
            pointless |= self._scope.record(self._inputs[position], result)
        if pointless or len(results) < len(group):
            waiting, self._waiting = self._waiting, deque()
            for each in waiting:
                remaining, skipped = self._scope.split(each, self._inputs, self._engine)
                yield from skipped
                if remaining:
                    self._waiting.append(remaining)

    def _handle_loss(self, group: list[int], reason: str) -> list[RunResult]:
        """Put the inputs of a lost group back, one by one; return the failure of one that is given up."""
        self._consecutive_losses += 1
        for position in group:
            self._losses[position] = self._losses.get(position, 0) + 1
        if self._consecutive_losses > _MAX_CONSECUTIVE_LOSSES:
            text = f"{self._consecutive_losses} workers were lost one after another: {reason}"
            failed = [self._fail(group[0], OrchestrationError(self._give_up_code, text))]
        elif len(group) == 1 and self._losses[group[0]] >= self._max_losses:
            text = f"its worker was lost: {reason}; run the same command again"
            text += ", with a lower --concurrency if memory was short"
            error = OrchestrationError("orchestration.worker_lost", text, retriable=True)
            failed = [self._fail(group[0], error)]
        else:
            failed = []
        if retried := group[len(failed) :]:
            _log.warning("a worker was lost, retrying its %d inputs one by one: %s", len(retried), reason)
            self._waiting.extendleft([position] for position in reversed(retried))
        return failed

    def _fail(self, position: int, error: PipelineError) -> RunResult:
        return RunResult(self._inputs[position].label, self._engine, exception=error)
