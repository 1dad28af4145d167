"""Progress of the current job, or of many inputs: a bar on a terminal, elsewhere log lines."""

import logging
import sys
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pipeline_orchestration import RunResult

    from .progress_bar import Bar

_DELAY = 1.0  # seconds that a job, or a run of several inputs, lasts before anything is shown
_INTERVAL = 10.0  # seconds between two log lines
_TICK = 1.0  # seconds between two looks at the clock

_log = logging.getLogger(__name__)


class _Display(ABC):
    """Display of the progress of a run; a context manager, which removes the bar at the end.

    A thread shows the time that passes, as a job need not tell anything.

    Args:
        bar: whether to draw a bar on standard error; by default, if that is a terminal.
    """

    def __init__(self, *, bar: bool | None = None) -> None:
        self._uses_bar = sys.stderr.isatty() if bar is None else bar
        self._bar: Bar | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._close_bar()

    @abstractmethod
    def _show_time(self) -> None:
        """Show that time has passed; called from time to time in a thread, with the lock held."""

    def _start_thread(self) -> None:
        if self._uses_bar or _log.isEnabledFor(logging.INFO):
            self._thread = threading.Thread(target=self._pass_time, name="progress", daemon=True)
            with suppress(RuntimeError):  # the system allows no more threads
                self._thread.start()
                return
            self._thread = None

    def _pass_time(self) -> None:
        while not self._ended.wait(_TICK):
            with self._lock:
                self._show_time()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class JobProgress(_Display):
    """Shows the progress of one job after another."""

    def __init__(self, *, bar: bool | None = None) -> None:
        super().__init__(bar=bar)
        self._current: tuple[str, str] | None = None
        self._is_told = False
        self._began = self._next_time = 0.0

    def __call__(self, job: str, name: str, done: int, total: int, records: int) -> None:
        """Show how far a job is with an input.

        Args:
            job: name of the job.
            name: of the input.
            done: bytes read so far.
            total: bytes of the input; 0 if the job has only begun.
            records: read so far.
        """
        with self._lock:
            now = time.monotonic()
            if self._current != (job, name):
                if self._bar is not None:
                    self._close_bar()
                self._current, self._is_told = (job, name), False
                self._began, self._next_time = now, now + _DELAY
                if self._thread is None:
                    self._start_thread()
            if not total:
                return
            if not self._is_told:  # another bar than that of a job that tells nothing
                self._close_bar()
                self._is_told = True
            if now < self._next_time and self._bar is None:
                return
            if self._uses_bar:
                self._draw(f"{job} {name}", done, total, records)
            else:
                self._next_time = now + _INTERVAL
                _log.info("%s %s: %d %% read, %d records", job, name, 100 * done // total, records)

    def finish_input(self, _result: object) -> None:
        """Do nothing: the result of the only input is printed right after."""

    def _show_time(self) -> None:
        """Show how long a job takes that tells nothing of its progress."""
        now = time.monotonic()
        if self._current is None or self._is_told or now < self._began + _DELAY:
            return
        title = " ".join(self._current)
        if self._uses_bar:
            if self._bar is None:
                # 0.06 s to import, needed only for what takes longer
                from rich import progress as rich  # noqa: PLC0415

                from .progress_bar import Bar  # noqa: PLC0415

                columns = ("{task.description}", rich.BarColumn(), rich.TimeElapsedColumn())
                self._bar = Bar(*columns, title=title, total=None, began=self._began)
        elif now >= self._began + _INTERVAL and now >= self._next_time:
            self._next_time = now + _INTERVAL
            _log.info("%s: running for %d s", title, now - self._began)

    def _draw(self, title: str, done: int, total: int, records: int) -> None:
        if done >= total:
            self._close_bar()
            return
        if self._bar is None:
            # see above
            from rich import progress as rich  # noqa: PLC0415

            from .progress_bar import Bar  # noqa: PLC0415

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


class InputsProgress(_Display):
    """Counts finished and failed inputs.

    Args:
        total: number of inputs.
        bar: whether to draw a bar on standard error; by default, if that is a terminal.
    """

    def __init__(self, total: int, *, bar: bool | None = None) -> None:
        super().__init__(bar=bar)
        self._total = total
        self._done = self._failed = self._records = 0
        self._current, self._percent = "", ""
        self._began = time.monotonic()
        self._next_time = self._began + _DELAY

    def __enter__(self) -> Self:
        self._start_thread()
        return self

    def __call__(self, job: str, name: str, done: int, total: int, _records: int) -> None:
        """Show how many bytes of an input a job has read; `JobProgress` has the arguments."""
        with self._lock:
            if self._current != f"{job} {name}":
                self._current, self._began = f"{job} {name}", time.monotonic()
            self._percent = f"{100 * done // total} %" if total else ""
            self._show()

    def finish_input(self, result: "RunResult") -> None:
        """Count a finished input and show the new totals."""
        with self._lock:
            self._done += 1
            self._failed += not result.success
            self._records += count_records(result) or 0
            self._current = ""
            self._show()

    def _show_time(self) -> None:
        if self._uses_bar:
            self._show()

    def _show(self) -> None:
        if self._bar is None and time.monotonic() < self._next_time:
            return
        if self._uses_bar:
            self._draw()
        else:
            self._next_time = time.monotonic() + _INTERVAL
            inputs = f"{self._done:,} of {self._total:,} inputs finished, {self._failed:,} failed"
            _log.info("%s, %s records", inputs, f"{self._records:,}")

    def _draw(self) -> None:
        if self._bar is None:
            # see above
            from rich import progress as rich  # noqa: PLC0415

            from .progress_bar import Bar  # noqa: PLC0415

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
        self._bar.update(
            self._done, failed=self._failed, records=self._records, current=self._describe_current()
        )

    def _describe_current(self) -> str:
        """Return which job is at work on which input, and how far or for how long."""
        seconds = int(time.monotonic() - self._began)
        return f"{self._current} {self._percent or f'{seconds} s'}" if self._current else ""


def count_records(result: "RunResult") -> int | None:
    """Return the number of records of an input; None if no job has counted any."""
    return next((job.counts["records"] for job in result.jobs if "records" in job.counts), None)
