"""What a run that is started in this process hands its flow past Prefect, and is handed back.

Apart from the flow, which Prefect pickles by value for a task runner, with all that its body names.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.local import Slot
from pipeline_orchestration.request import Request
from pipeline_orchestration.result import RunResult


@dataclass(slots=True)
class Here:
    """A run as it is known here.

    Args:
        request: what is asked for.
        inputs: all of them, as an engine is given them.
        results: by the position of the input, put here by the flow.
        failure: why the flow has not come to all inputs, put here by the flow.
        begun: whether the flow has taken it.
        slot: has an execution of a job wait for its turn, where no server is to do that.
    """

    request: Request
    inputs: Sequence[str]
    results: dict[int, RunResult] = field(default_factory=dict)
    failure: OrchestrationError | None = None
    begun: bool = False
    slot: Slot | None = None
    _at_termination: object = field(default_factory=lambda: signal.getsignal(signal.SIGTERM))

    @contextmanager
    def terminable(self) -> Iterator[None]:
        """Have SIGTERM handled in the block as before Prefect handled it, where a program of ours does.

        Prefect's handler raises, but then sets no limit to how long a task runner waits for its workers.
        """
        handler = self._at_termination
        if not callable(handler) or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)


_here: ContextVar[Here | None] = ContextVar("_here", default=None)


@contextmanager
def handed_over(here: Here) -> Iterator[None]:
    """Have the flow that starts in the block take what is handed over."""
    token = _here.set(here)
    try:
        yield
    finally:
        _here.reset(token)


def taken() -> Here | None:
    """Take what was handed over to this flow; a flow that one of its jobs starts finds nothing."""
    here = _here.get()
    _here.set(None)
    if here:
        here.begun = True
    return here
