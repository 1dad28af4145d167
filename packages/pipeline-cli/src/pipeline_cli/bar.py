"""A bar on a terminal; what is logged meanwhile appears above it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, ProgressColumn
from rich.text import Text

_DRAWN = 4  # times a second; rich's own ten cost 3 % of a load: benchmarks/progress.py


class Bar:
    """A bar on standard error, from when it is made until it is closed.

    Args:
        columns: as rich has them.
        total: how much there is to do.
        title: printed as it is.
        fields: what columns show beside.
    """

    def __init__(self, *columns: ProgressColumn | str, total: int, title: str = "", **fields: Any) -> None:  # noqa: ANN401  # rich's own type of them
        self._stack = ExitStack()
        console, stream = Console(stderr=True), sys.stderr
        self._progress = Progress(*columns, console=console, transient=True, refresh_per_second=_DRAWN)
        self._task = self._progress.add_task(escape(title), total=total, **fields)
        self._stack.enter_context(self._progress)
        for handler in _handlers():
            self._show_above(handler, stream, console)

    def update(self, done: int, **fields: Any) -> None:  # noqa: ANN401  # see above
        """Show how much is done."""
        self._progress.update(self._task, completed=done, **fields)

    def close(self) -> None:
        """Remove the bar."""
        self._stack.close()

    def _show_above(self, handler: logging.Handler, stream: TextIO, console: Console) -> None:
        """Have a handler that writes to the same terminal do so above the bar; rich's own ones, too."""
        theirs = getattr(handler, "console", None)
        if isinstance(theirs, Console) and theirs.file is stream:
            theirs.file = _Above(stream, console)  # type: ignore[assignment]  # all of a file that rich asks for
            self._stack.callback(setattr, theirs, "file", stream)
        elif isinstance(handler, logging.StreamHandler) and handler.stream is stream:
            handler.setStream(_Above(stream, console))
            self._stack.callback(handler.setStream, stream)


class _Above:
    """A stream whose lines appear above a bar."""

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


def _handlers() -> Iterator[logging.Handler]:
    """Yield the handlers of all loggers there are, each once."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    found = (
        handler for logger in loggers if isinstance(logger, logging.Logger) for handler in logger.handlers
    )
    yield from dict.fromkeys(found)
