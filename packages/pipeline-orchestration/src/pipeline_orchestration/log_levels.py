"""Levels of our loggers and of those of jobs, and the formatter that makes log lines safe to print."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Lock
from types import TracebackType

from pipeline_jobs.escaping import escape

from .settings.config import GatheredSettings, LogLevel, PipelineConfig
from .settings.sources import NAMED, SETTINGS_FILES, log_named

OUR_LOGGERS = ("pipeline_cli", "pipeline_db", "pipeline_jobs", "pipeline_orchestration")
# The last two are Prefect's, although they are not below its logger.
_PREFECT_LOGGERS = ("httpx", "prefect", "APILogWorker", "EventsWorker")
_ABOVE_ALL = logging.CRITICAL + 1
# Prefect's logger is set above; the others are the modules of factories that are not functions.
_NOT_OF_JOBS = ("prefect", "builtins", "functools", "")

type _ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

_lock = Lock()
_active_blocks: list[object] = []
_former_levels: dict[str, int] = {}
_followed: dict[str, "_FollowedLogger"] = {}


@contextmanager
def set_log_level(level: LogLevel) -> Iterator[None]:
    """Set the level of our loggers, Prefect's and httpx's within the block, and restore it afterwards.

    So does `follow_logger` with the loggers of jobs. Blocks may overlap, nested or in threads: the last one
    to begin decides, and the last one to end restores.
    """
    block = object()
    with _lock:
        _active_blocks.append(block)
        for name, number in _choose_levels(level).items():
            logger = logging.getLogger(name)
            _former_levels.setdefault(name, logger.level)
            logger.setLevel(number)
    try:
        yield
    finally:
        with _lock:
            _active_blocks.remove(block)
            if not _active_blocks:
                while _followed:
                    _followed.popitem()[1].restore()
                for name, number in _former_levels.items():
                    logging.getLogger(name).setLevel(number)
                _former_levels.clear()


def follow_logger(name: str) -> None:
    """Show the records of a job's package as ours are shown, until the last block of `set_log_level` ends.

    A logger that has a level or handlers of its own keeps them.

    Args:
        name: of the module of a job or a factory; `list_packages` says what belongs to it.
    """
    if name.partition(".")[0] in _followed:
        return
    with _lock:
        for package in list_packages(name) if _active_blocks else ():
            if package not in _followed:
                _followed[package] = _FollowedLogger(logging.getLogger(package))


def list_packages(name: str) -> list[str]:
    """List the packages whose records belong to a job or a factory, given the name of its module.

    It is the package that the module is in, from its top. For a module of its own it is that, and the modules
    and packages beside it; one without ``__init__.py`` only if it is imported already. For our own modules
    and Prefect's there is none.
    """
    package = name.partition(".")[0]
    if package in OUR_LOGGERS or package in _NOT_OF_JOBS:
        return []
    folder = _get_folder(package)
    if not folder or folder.endswith("-packages") or hasattr(sys.modules[package], "__path__"):
        return [package]
    imported = [each for each in [*sys.modules] if "." not in each and _get_folder(each) == folder]
    # A job may import a module only when it works.
    return imported + [each for each in _list_modules(folder) if each not in sys.modules]


def _get_folder(name: str) -> str:
    """Return the folder that a module's file, or a package's folder, is in; empty if it has neither."""
    module = sys.modules.get(name)
    file: str | None = getattr(module, "__file__", None)
    if file:
        return os.path.dirname(os.path.dirname(file) if hasattr(module, "__path__") else file)  # noqa: PTH120  # a Path for each module would take ten times as long
    spec = getattr(module, "__spec__", None)
    # A package without __init__.py has only folders.
    locations = (spec.submodule_search_locations if isinstance(spec, ModuleSpec) else None) or ()
    return os.path.dirname(next(iter(locations), ""))  # noqa: PTH120  # as above


def _list_modules(folder: str) -> list[str]:
    """List the modules and packages in a folder; those of Prefect and ours are none of a job's."""
    names = []
    with suppress(OSError), os.scandir(folder) as entries:  # it may be in an archive
        for entry in entries:
            name, extension = os.path.splitext(entry.name)  # noqa: PTH122  # there may be many data files
            is_package = not extension and entry.is_dir() and Path(entry, "__init__.py").exists()
            if (extension == ".py" or is_package) and name not in (*OUR_LOGGERS, *_NOT_OF_JOBS):
                names.append(name)
    return names


def is_followed(name: str) -> bool:
    """Return whether a logger belongs to a package that is followed."""
    return name.partition(".")[0] in _followed


class _FollowedLogger:
    """The logger of a package of jobs, and its state from before."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._level, self._propagate = logger.level, logger.propagate
        self._handlers: list[logging.Handler] = []
        ours = logging.getLogger(OUR_LOGGERS[-1])
        if logger.level == logging.NOTSET:
            logger.setLevel(ours.level)
        # The command prints by a handler of our loggers. Handlers of the root logger are the user's, unless
        # Prefect has set them.
        is_configured = logging.root.handlers and "prefect" not in sys.modules
        if not ours.propagate and logger.propagate and not logger.handlers and not is_configured:
            self._handlers = [*ours.handlers]
            logger.propagate = False
        for handler in self._handlers:
            logger.addHandler(handler)

    def restore(self) -> None:
        self._logger.setLevel(self._level)
        self._logger.propagate = self._propagate
        for handler in self._handlers:
            self._logger.removeHandler(handler)


def load_settings(arguments: Mapping[str, object]) -> PipelineConfig:
    """Load the settings, and log what a settings file of the current folder names, before it is used.

    Args:
        arguments: as ``PipelineConfig.load`` takes them.

    Raises:
        UsageError: as ``PipelineConfig.load``.
    """
    gathered = PipelineConfig.gather(arguments)
    for fault in gathered.faults.values():
        raise fault
    if not SETTINGS_FILES.isdisjoint(gathered.places.values()):
        log_named_settings(gathered)
    return gathered.config


def log_named_settings(gathered: GatheredSettings) -> None:
    """Log the settings that come from a settings file and name what gets code, records or passwords."""
    with set_log_level(gathered.config.log_level):
        for name, place in gathered.places.items():
            if name in NAMED and place in SETTINGS_FILES:
                log_named(name, place, getattr(gathered.config, name))


def get_level_number(level: LogLevel) -> int:
    """Return the number of a level, as loggers take it."""
    return _ABOVE_ALL if level is LogLevel.OFF else logging.getLevelNamesMapping()[level]


def _choose_levels(level: LogLevel) -> dict[str, int]:
    """Return the level of each logger by its name."""
    number = get_level_number(level)
    levels = dict.fromkeys((*OUR_LOGGERS, "dotenv"), number)
    # Prefect configures its loggers when the flow imports it: their levels from before must not be restored.
    if "pipeline_orchestration.engines.prefect.flows" in sys.modules:
        levels.update(dict.fromkeys(_PREFECT_LOGGERS, number))
        if level is LogLevel.OFF:
            # Some loggers below Prefect's own have a level of their own, and would not follow it.
            known = [
                name for name in logging.root.manager.loggerDict if name.startswith(("prefect.", "httpcore"))
            ]
            levels.update(dict.fromkeys(known, number))
        elif level is not LogLevel.DEBUG:
            # httpx logs each request at INFO, which is a detail here.
            levels["httpx"] = max(number, logging.WARNING)
    return levels


class EscapingFormatter(logging.Formatter):
    """Escapes every character that does not print: no file name and no error message controls a terminal.

    Args:
        fmt: as the formatter of logging takes it.
        multiline: whether a line break in a message stays; else it is escaped, so that a record is one line.
            Tracebacks keep their lines.
    """

    def __init__(self, fmt: str | None = None, *, multiline: bool = False) -> None:
        super().__init__(fmt)
        self._escape_message = _escape_lines if multiline else escape

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Format and escape the message."""
        return self._escape_message(super().formatMessage(record))

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802  # logging's name
        """Format a traceback and escape its lines."""
        return _escape_lines(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802  # logging's name
        """Escape the lines of a stack."""
        return _escape_lines(super().formatStack(stack_info))


def _escape_lines(text: str) -> str:
    return "\n".join(map(escape, text.split("\n")))
