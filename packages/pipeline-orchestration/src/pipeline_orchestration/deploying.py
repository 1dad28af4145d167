"""What a deployment is, whoever runs it: a definition by its address, its inputs, settings and schedule."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from .crossing import uri
from .errors import OrchestrationError, UsageError
from .prefect_settings import api_url

if TYPE_CHECKING:
    from .config import PipelineConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentOptions:
    """What a deployment is besides the pipeline, its inputs and settings.

    Args:
        cron: when it runs, as a cron line such as ``0 2 * * *``.
        interval: or how many seconds lie between two runs.
        timezone: in which the schedule counts, such as ``Europe/Vienna``; UTC if left out.
        work_pool: whose workers run it; Prefect's default pool or ``pipeline`` if left out.
        job_variables: for the work pool, beside the working directory.
    """

    cron: str | None = None
    interval: float | None = None
    timezone: str | None = None
    work_pool: str | None = None
    job_variables: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a schedule that is two or none.

        Raises:
            UsageError: ``usage.deployment``.
        """
        if self.cron is not None and self.interval is not None:
            raise UsageError("usage.deployment", "cron and interval are two schedules; give one of them")
        if self.timezone is not None and self.cron is None and self.interval is None:
            raise UsageError("usage.deployment", "a time zone is that of a schedule; give cron or interval")
        if self.interval is not None and not self.interval > 0:
            raise UsageError("usage.deployment", f"an interval is longer than 0 seconds, not {self.interval}")


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


def check_api() -> None:
    """Refuse to deploy where no API is configured: that of a temporary server would be gone at once.

    Raises:
        OrchestrationError: ``orchestration.no_api``; ``orchestration.settings``: Prefect's cannot be read.
    """
    try:
        found = api_url()
    except ValueError as error:
        text = f"Prefect's settings cannot be read: {error}"
        raise OrchestrationError("orchestration.settings", text) from error
    if found is None:
        start = "start a server by `prefect server start`"
        text = f"no Prefect API is configured; {start} and set PREFECT_API_URL=http://127.0.0.1:4200/api"
        raise OrchestrationError("orchestration.no_api", text)


def parameters(
    address: str, inputs: Iterable[object], config: "PipelineConfig", names: Iterable[str]
) -> dict[str, object]:
    """Return what a run of the deployment is given: JSON-safe, with every path absolute and no password.

    All settings are in it, so that a run comes to the same wherever it happens; only what names no value,
    such as another database, is left out.

    Args:
        address: of the definition.
        inputs: as a run takes them, save data in memory.
        config: the settings.
        names: of the flow's parameters.

    Raises:
        UsageError: ``usage.deployment``: the definition has no address, or an input is data in memory.
    """
    if ":" not in address:
        text = (
            f"the pipeline {address!r} was handed over as an object, which no other process can import; "
            "give its address, as package.module:attribute or file.py:attribute"
        )
        raise UsageError("usage.deployment", text)
    settings = {name: _plain(value) for name in names if (value := getattr(config, name, None)) is not None}
    if "db_url" in settings:
        settings.pop("db_path", None)
    found: dict[str, object] = {**settings, "pipeline": address}
    if texts := [_input(value) for value in inputs]:
        found["inputs"] = texts
    return found


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
    """Return an input as text; what is the name of a file here, as its absolute path."""
    match value:
        case os.PathLike():
            return _path(Path(os.fsdecode(value)))
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
