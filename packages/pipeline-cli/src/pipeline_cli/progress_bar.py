"""Progress bar on a terminal, with log lines above it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, ProgressColumn
from rich.text import Text

_REFRESH_RATE = 4  # per second; rich's own default of ten costs 3 % of a load: benchmarks/progress_cost.py


class Bar:
    """A bar on standard error, shown from its creation until it is closed.

    Args:
        columns: as rich takes them.
        total: amount of work; None if it is not known.
        title: printed as it is, without markup.
        began: when the work began, by the monotonic clock; None for now.
        fields: further values that the columns show.
    """

    def __init__(
        self,
        *columns: ProgressColumn | str,
        total: int | None,
        title: str = "",
        began: float | None = None,
        **fields: Any,  # noqa: ANN401  # as rich types them
    ) -> None:
        self._stack = ExitStack()
        console, stream = Console(stderr=True), sys.stderr
        self._progress = Progress(
            *columns,
            console=console,
            transient=True,
            refresh_per_second=_REFRESH_RATE,
            # On a terminal, what a job prints stands above the bar. A file gets it, and not standard error.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task(escape(title), total=total, **fields)
        if began is not None:
            self._progress.tasks[0].start_time = began  # rich's clock is the monotonic one too
        self._stack.enter_context(self._progress)
        for handler in _list_handlers():
            self._redirect(handler, stream, console)

    def update(self, done: int, **fields: Any) -> None:  # noqa: ANN401  # as rich types them
        """Show how much work is done."""
        self._progress.update(self._task, completed=done, **fields)

    def close(self) -> None:
        """Remove the bar, and give the log handlers their stream back."""
        self._stack.close()

    def _redirect(self, handler: logging.Handler, stream: TextIO, console: Console) -> None:
        """Make a handler that writes to the same stream write above the bar; also one of rich's own."""
        handler_console = getattr(handler, "console", None)
        if isinstance(handler_console, Console) and handler_console.file is stream:
            handler_console.file = _StreamAbove(stream, console)  # type: ignore[assignment]  # has what rich uses of a file
            self._stack.callback(setattr, handler_console, "file", stream)
        elif isinstance(handler, logging.StreamHandler) and handler.stream is stream:
            handler.setStream(_StreamAbove(stream, console))
            self._stack.callback(handler.setStream, stream)


class _StreamAbove:
    """A stream whose lines appear above the bar."""

    def __init__(self, stream: TextIO, console: Console) -> None:
        self._stream = stream
        self._console = console

    def write(self, text: str) -> int:
        if text:
            self._console.print(Text.from_ansi(text.removesuffix("\n")), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    @property
    def encoding(self) -> str:
        return self._stream.encoding


def _list_handlers() -> Iterator[logging.Handler]:
    """Yield the handlers of all existing loggers, each once."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = (
        handler for logger in loggers if isinstance(logger, logging.Logger) for handler in logger.handlers
    )
    yield from dict.fromkeys(handlers)
