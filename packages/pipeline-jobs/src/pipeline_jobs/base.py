"""The one class a job derives from."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from functools import cached_property

from .result import JobResult

type Progress = Callable[[int, int, int], None]
"""Told now and then how many bytes of how many are read, and how many records that were."""


def _untold(_done: int, _total: int, _records: int) -> None:
    """Do nothing with progress."""


class BaseJob[In, Out](ABC):
    """A unit of work: `validate_input` parses what it is given, `single_job` does the work.

    A job knows nothing of who runs it. An instance is built for one run and is not shared between threads.
    """

    name = ""
    """What results call the job: the name it was added under, else that of its class."""

    progress: Progress = staticmethod(_untold)
    """Called by jobs that may take long; whoever runs the job may put something here."""

    @cached_property
    def counts(self) -> Counter[str]:
        """What the job counts while it works (`records`, `skipped` …), fresh for each `execute`."""
        return Counter()

    @abstractmethod
    def validate_input(self, value: object) -> In:
        """Parse the loose value into the typed one.

        Raises:
            InputError: the value is refused.
        """

    @abstractmethod
    def single_job(self, value: In) -> Out:
        """Do the work and return its output."""

    def execute(self, value: object) -> JobResult[Out]:
        """Validate, run and time; an exception is returned in the result, never raised.

        What is no `Exception` (an interrupt, an exit) passes through.
        """
        self.counts = Counter()
        output, failure = None, None
        start = time.perf_counter()
        try:
            output = self.single_job(self.validate_input(value))
        except Exception as error:  # noqa: BLE001  # the one place: from here on a failure is data
            failure = error
        seconds = time.perf_counter() - start
        return JobResult(self.name or type(self).__name__, output, failure, seconds, dict(self.counts))
