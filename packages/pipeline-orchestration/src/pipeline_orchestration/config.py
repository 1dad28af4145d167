"""The settings of a run, parsed from wherever they are given.

Without Pydantic, whose import alone took a third of the time of a small run.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pipeline_jobs import (
    MAX_RECORD_BYTES,
    MOST_RECORD_BYTES,
    Location,
    OnDuplicate,
    PipelineError,
    Url,
    is_url,
    location,
    shown,
    text_encoding,
)

from .errors import UsageError
from .names import EngineName, LogLevel, TaskRunnerName
from .sources import TEXT_PIPELINE, gather

if TYPE_CHECKING:
    from pipeline_db import DatabaseUrl

_LONGEST = 86_400  # seconds
_MOST_AT_ONCE = 1024
_SCHEMES = {"dask_address": ("tcp", "tls", "ucx", "ws", "wss"), "ray_address": ("ray",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """The settings of a run, made once at the edge and passed down; paths become absolute.

    `load` takes each from an argument or option, from ``PIPELINE_<NAME>`` in the environment, or from
    ``pipeline.toml`` or ``[tool.pipeline]`` in ``pyproject.toml`` of the current folder. A `db_url` counts
    before `db_path`; of the two, `load` takes the one whose place counts more.

    Raises:
        ValueError: a value makes no sense.
    """

    output_dir: Location = Path("data/output")
    db_path: Path = Path("data/pipeline.db")
    db_url: "DatabaseUrl | None" = None
    log_level: LogLevel = LogLevel.INFO
    engine: EngineName = EngineName.AUTO
    pipeline: str = TEXT_PIPELINE
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    encoding: str = "utf-8"
    busy_timeout: float = 30.0
    max_record_bytes: int = MAX_RECORD_BYTES
    concurrency: int = 1
    task_runner: TaskRunnerName | None = None
    dask_address: str | None = None
    ray_address: str | None = None

    def __post_init__(self) -> None:
        """Parse every value, also a default."""
        for name, parse in _PARSERS.items():
            object.__setattr__(self, name, parse(getattr(self, name)))

    @property
    def spreads_by(self) -> TaskRunnerName | None:
        """The task runner that is asked for, by its name or by the address of a cluster."""
        if self.task_runner:
            return self.task_runner
        if self.dask_address:
            return TaskRunnerName.DASK
        return TaskRunnerName.RAY if self.ray_address else None

    @classmethod
    def load(cls, **arguments: object) -> Self:
        """Gather the settings; an argument that is None is not given.

        Raises:
            UsageError: ``usage.setting``, naming the setting and where it stands.
        """
        config, faults = cls.gathered(arguments)
        for fault in faults.values():
            raise fault
        return config

    @classmethod
    def gathered(cls, arguments: Mapping[str, object]) -> tuple[Self, Mapping[str, UsageError]]:
        """Return the settings, those that make no sense by default, and what is wrong with these, by name.

        Raises:
            UsageError: ``usage.setting``: a file cannot be read.
        """
        values: dict[str, Any] = {}
        faults: dict[str, UsageError] = {}
        found = gather(_PARSERS, arguments)
        for name, given in found.items():
            if name not in _PARSERS:
                text = f"{shown(name)} ({given.place}): unknown setting; there are {', '.join(_PARSERS)}"
                faults[name] = UsageError("usage.setting", text)
                continue
            try:
                values[name] = _PARSERS[name](given.value)
            except ValueError as error:
                faults[name] = UsageError("usage.setting", f"{name} ({given.place}): {error}")
                faults[name].__cause__ = error
        if {"db_path", "db_url"} <= found.keys():
            text = f"db_url ({found['db_url'].place}): db_path is given there too, and one of them is enough"
            faults.setdefault("db_url", UsageError("usage.setting", text))
        return cls(**values), faults


def _path(value: object) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"expected a path, got {value!r}")  # noqa: TRY004  # all that a parser raises
    path = Path(os.fsdecode(value))
    if "\0" in str(path):
        raise ValueError("a path cannot hold a NUL character")
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # as for ~nobody/data
        raise ValueError(f"there is no home directory {shown(path.parts[0])}") from error


def _folder(value: object) -> Location:
    """Parse a path, or the URL of a folder in a store."""
    if isinstance(value, Url):
        return value
    if isinstance(value, os.PathLike) and re.match(r"[a-z][a-z0-9+.-]+:/[^/]", os.fsdecode(value)):
        raise ValueError(
            f"{shown(os.fsdecode(value))}: a URL is given as text, of which a path drops a slash"
        )
    if not (isinstance(value, str) and is_url(value)):
        return _path(value)
    try:
        return location(value)
    except PipelineError as error:
        raise ValueError(str(error)) from error


def _file(value: object) -> Path:
    # Of a password in it, a file would be named.
    if isinstance(value, str) and value.startswith(("postgres://", "postgresql://")):
        raise ValueError("it is a URL; give it as db_url, or --db-url")
    return _path(value)


def _url(value: object) -> "DatabaseUrl | None":
    if value is None:
        return None
    from pipeline_db import DatabaseUrl  # noqa: PLC0415  # Peewee takes 0.05 s to import, and most name a file

    # What is no text is not repeated either: it may hold a password.
    return value if isinstance(value, DatabaseUrl) else DatabaseUrl.completed(str(value))


def _choice[Choice: StrEnum](choices: type[Choice], value: object) -> Choice:
    try:
        return choices(str(value))
    except ValueError as error:
        *most, last = choices
        raise ValueError(f"expected {', '.join(most)} or {last}, got {value!r}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {value!r}")  # noqa: TRY004  # all that a parser raises
    return value


def _encoding(value: object) -> str:
    try:
        return text_encoding(_text(value))
    except PipelineError as error:
        raise ValueError(str(error)) from error


def _seconds(value: object) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]  # what it cannot take, it refuses
    except OverflowError:  # a whole number of over 300 digits
        seconds = inf
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected a number of seconds, got {value!r}") from error
    if not 0 <= seconds <= _LONGEST:  # nor is it, where it is no number
        got = seconds if seconds == inf else shown(str(value))
        raise ValueError(f"expected between 0 and {_LONGEST} seconds, got {got}")
    return seconds


def _bytes(value: object) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", str(value)):
        raise ValueError(f"expected a number of bytes, got {value!r}")
    if not 1 <= (size := int(str(value))) <= MOST_RECORD_BYTES:
        raise ValueError(f"expected between 1 and {MOST_RECORD_BYTES} bytes, got {size}")
    return size


def _count(value: object) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", str(value)):
        raise ValueError(f"expected a whole number, got {value!r}")
    if not 1 <= (count := int(str(value))) <= _MOST_AT_ONCE:
        raise ValueError(f"expected between 1 and {_MOST_AT_ONCE}, got {count}")
    return count


def _task_runner(value: object) -> TaskRunnerName | None:
    return None if value is None else _choice(TaskRunnerName, value)


def _address(name: str, value: object) -> str | None:
    if value is None:
        return None
    schemes = _SCHEMES[name]
    # What is printed, logged and shown on Prefect's pages is no place for a password.
    if not re.fullmatch(rf"({'|'.join(schemes)})://[^\s/@]+(/\S*)?", _text(value)):
        *most, last = [f"{scheme}://host:port" for scheme in schemes]
        wanted = " or ".join(filter(None, (", ".join(most), last)))
        raise ValueError(f"expected {wanted}, without a password")
    return str(value)


_PARSERS: Mapping[str, Callable[[object], object]] = {
    "output_dir": _folder,
    "db_path": _file,
    "db_url": _url,
    "log_level": partial(_choice, LogLevel),
    "engine": partial(_choice, EngineName),
    "pipeline": _text,
    "on_duplicate": partial(_choice, OnDuplicate),
    "encoding": _encoding,
    "busy_timeout": _seconds,
    "max_record_bytes": _bytes,
    "concurrency": _count,
    "task_runner": _task_runner,
    "dask_address": partial(_address, "dask_address"),
    "ray_address": partial(_address, "ray_address"),
}
