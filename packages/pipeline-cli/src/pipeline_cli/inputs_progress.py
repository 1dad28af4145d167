"""How far a run of several inputs has come: a bar on a terminal, a log line now and then elsewhere."""

import logging
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipeline_orchestration import RunResult

if TYPE_CHECKING:
    from .bar import Bar

_PATIENCE = 1.0  # seconds a run may take before anything is shown
_PAUSE = 10.0  # seconds between two log lines

_log = logging.getLogger(__name__)


class InputsReport:
    """Shows how many inputs are done, how many of them failed, and how long the rest will take.

    To be used in a ``with`` block.

    Args:
        total: how many inputs there are.
        bar: whether to draw a bar on standard error; a terminal is needed for it.
    """

    def __init__(self, total: int, *, bar: bool | None = None) -> None:
        self._total = total
        self._draws = sys.stderr.isatty() if bar is None else bar
        self._done = self._failed = self._records = 0
        self._current = ""
        self._shown_next = time.monotonic() + _PATIENCE
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __call__(self, job: str, name: str, done: int, total: int, _records: int) -> None:
        """Take note that a job has read so many bytes of so many."""
        self._current = f"{job} {name} {100 * done // max(total, 1)} %" if done < total else ""
        self._show()

    def finished(self, result: RunResult) -> None:
        """Take note that an input is done."""
        self._done += 1
        self._failed += not result.success
        self._records += records_of(result) or 0
        self._current = ""
        self._show()

    def _show(self) -> None:
        if self._bar is None and time.monotonic() < self._shown_next:
            return
        if self._draws:
            self._draw()
        else:
            self._shown_next = time.monotonic() + _PAUSE
            told = f"{self._done:,} of {self._total:,} inputs done, {self._failed:,} failed"
            _log.info("%s, %s records", told, f"{self._records:,}")

    def _draw(self) -> None:
        if self._bar is None:
            # 0.06 s to import, for what lasts longer
            from rich import progress as rich  # noqa: PLC0415

            from .bar import Bar  # noqa: PLC0415

            self._bar = Bar(
                rich.BarColumn(),
                rich.MofNCompleteColumn(),
                "{task.fields[failed]:,} failed",
                "{task.fields[records]:,} records",
                rich.TimeRemainingColumn(),
                rich.TextColumn("{task.fields[current]}", markup=False),
                total=self._total,
                failed=0,
                records=0,
                current="",
            )
        self._bar.update(self._done, failed=self._failed, records=self._records, current=self._current)


def records_of(result: RunResult) -> int | None:
    """Return how many records an input came to; None where no job has counted any."""
    return next((job.counts["records"] for job in result.jobs if "records" in job.counts), None)
