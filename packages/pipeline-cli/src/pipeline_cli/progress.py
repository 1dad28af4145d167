"""How far a long job has come: a bar on a terminal, a log line now and then elsewhere."""

import logging
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from .bar import Bar

_PATIENCE = 1.0  # seconds a job may take before anything is shown
_PAUSE = 10.0  # seconds between two log lines

_log = logging.getLogger(__name__)


class ProgressReport:
    """Shows the progress of one job after another, to be used in a ``with`` block.

    Args:
        bar: whether to draw a bar on standard error; a terminal is needed for it.
    """

    def __init__(self, *, bar: bool | None = None) -> None:
        self._draws = sys.stderr.isatty() if bar is None else bar
        self._current: tuple[str, str] | None = None
        self._shown_next = 0.0
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, job: str, name: str, done: int, total: int, records: int) -> None:
        """Take note that a job has read so many bytes of so many, which were so many records."""
        now = time.monotonic()
        if self._current != (job, name):
            self._close()
            self._current = (job, name)
            self._shown_next = now + _PATIENCE
        if now < self._shown_next and self._bar is None:
            return
        if self._draws:
            self._draw(f"{job} {name}", done, total, records)
        else:
            self._shown_next = now + _PAUSE
            _log.info("%s %s: %d %% read, %d records", job, name, 100 * done // max(total, 1), records)

    def finished(self, _result: object) -> None:
        """Take no note of it: there is one input, whose result is printed."""

    def _draw(self, title: str, done: int, total: int, records: int) -> None:
        if done >= total:
            self._close()
            return
        if self._bar is None:
            # 0.06 s to import, for what lasts longer
            from rich import progress as rich  # noqa: PLC0415

            from .bar import Bar  # noqa: PLC0415

            self._bar = Bar(
                "{task.description}",
                rich.BarColumn(),
                rich.DownloadColumn(),
                rich.TransferSpeedColumn(),
                "{task.fields[records]:,} records",
                rich.TimeRemainingColumn(),
                title=title,
                total=total,
                records=records,
            )
        self._bar.update(done, records=records)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
