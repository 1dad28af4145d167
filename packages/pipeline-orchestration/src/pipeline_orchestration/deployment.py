"""What a deployment is, whoever runs it: a definition by its address, its inputs, settings and schedule."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline_jobs import Url, is_url, location

from .config import PipelineConfig
from .crossing import uri
from .definition import PipelineDefinition
from .errors import UsageError

_BANNED = "/%&<>"  # by Prefect, in any name


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment as it is asked for.

    Args:
        name: what it is called.
        definition: what it runs.
        address: of the definition; None for one that was handed over as an object.
        config: the settings of its runs.
        inputs: as a run takes them, save data in memory.
        start_from: the first job.
        stop_after: the last job.
        cron: when it runs, as a cron line such as ``0 2 * * *``.
        interval: or how many seconds lie between two runs.
        timezone: in which the schedule counts, such as ``Europe/Vienna``; UTC if left out.

    Raises:
        UsageError: ``usage.deployment``, or as ``PipelineDefinition.between`` says.
    """

    name: str
    definition: PipelineDefinition
    address: str | None
    config: PipelineConfig
    inputs: Sequence[object] = ()
    start_from: str | None = None
    stop_after: str | None = None
    cron: str | None = None
    interval: float | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense, before anybody is asked."""
        self.definition.between(self.start_from, self.stop_after)
        if not self.name.strip() or not self.name.isprintable() or any(c in self.name for c in _BANNED):
            text = f"{self.name!r} is no name for a deployment: that is text without {' '.join(_BANNED)}"
            raise UsageError("usage.deployment", text)
        if self.address is None:
            text = (
                f"the pipeline {self.definition.name!r} was handed over as an object, which no other process "
                "can import; give its address, as package.module:attribute or file.py:attribute"
            )
            raise UsageError("usage.deployment", text)
        if self.cron is not None and self.interval is not None:
            raise UsageError("usage.deployment", "cron and interval are two schedules; give one of them")
        if self.timezone is not None and self.cron is None and self.interval is None:
            raise UsageError("usage.deployment", "a time zone is that of a schedule; give cron or interval")
        if self.interval is not None and not self.interval > 0:
            raise UsageError("usage.deployment", f"an interval is longer than 0 seconds, not {self.interval}")

    def parameters(self, names: Iterable[str]) -> dict[str, object]:
        """Return what a run of it is given: JSON-safe, with every path absolute and no password.

        All settings are in it, so that a run comes to the same wherever it happens.

        Args:
            names: of the flow's parameters.

        Raises:
            UsageError: ``usage.deployment``: an input is data in memory.
        """
        found: dict[str, object] = {"pipeline": self.address}
        for name in names:
            value = getattr(self.config, name, None)
            if name not in found and value is not None:
                found[name] = _plain(value)
        if "db_url" in found:
            found.pop("db_path", None)
        ends = {"start_from": self.start_from, "stop_after": self.stop_after}
        found |= {name: job for name, job in ends.items() if job is not None}
        if texts := [_input(value) for value in self.inputs]:
            found["inputs"] = texts
        return found


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that was made.

    Args:
        name: as Prefect has it: ``run_pipeline/nightly``.
        url: of its page, if Prefect knows one.
        work_pool: whose workers run it; None where it is served.
        made_pool: whether the work pool was made for it.
    """

    name: str
    url: str | None = None
    work_pool: str | None = None
    made_pool: bool = False


def _plain(value: object) -> object:
    match value:
        case StrEnum():
            return str(value)
        case Path():
            return _path(value)
        case str() | int() | float():
            return value
    return str(value)


def _input(value: object) -> str:
    """Return an input as text; what is the name of a file here, as its absolute path.

    Raises:
        InputError: ``input.url``: it must go nowhere.
        UsageError: ``usage.deployment``: it is data in memory.
    """
    match value:
        case Url():
            return str(value)
        case os.PathLike():
            return _path(Path(os.fsdecode(value)))
        case str() if is_url(value):
            location(value)  # one that holds a password gets no further
            return value
        case str() if not value.isdecimal() and os.path.lexists(value):
            return _path(Path(value))
        case str() if value.isprintable():
            return value
        case int():
            return str(value)
    raise UsageError("usage.deployment", f"an input of a deployment is a path or an id, not {value!r}")


def _path(path: Path) -> str:
    """Return an absolute path as a person reads it, or as a URI where it does not print."""
    text = str(path.absolute())
    return text if text.isprintable() else uri(path)
