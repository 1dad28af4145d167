"""What a deployment is, whoever runs it: a definition by its address, its inputs, settings and schedule."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from pipeline_jobs import Url, is_url, location

from .crossing import uri
from .errors import OrchestrationError, UsageError
from .importing import import_prefect
from .logs import at_level
from .prefect_settings import api_url

if TYPE_CHECKING:
    from .config import PipelineConfig
    from .definition import PipelineDefinition
    from .runner import PipelineRunner

_BANNED = "/%&<>"  # by Prefect, in any name


class DeploymentOptions(TypedDict, total=False):
    """What a deployment may be given, as ``Deployment`` says."""

    start_from: str | None
    stop_after: str | None
    cron: str | None
    interval: float | None
    timezone: str | None


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
    definition: "PipelineDefinition"
    address: str | None
    config: "PipelineConfig"
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


def deploy(
    runner: "PipelineRunner",
    name: str,
    inputs: Iterable[object] = (),
    *,
    work_pool_name: str | None = None,
    job_variables: Mapping[str, object] | None = None,
    **options: Unpack[DeploymentOptions],
) -> Deployed:
    """Make a deployment, which the workers of a work pool run with the pipeline and settings of a runner.

    A second one of the same name replaces the first. A work pool that is not there is made, for processes,
    which start in the current folder.

    Args:
        runner: whose pipeline and settings they are.
        name: what the deployment is called.
        inputs: paths or batch ids that a run takes unless it is given others.
        work_pool_name: Prefect's default work pool, or else ``pipeline``, if left out.
        job_variables: for the work pool, as Prefect takes them.
        options: ``start_from``, ``stop_after``; ``cron``, or ``interval`` in seconds, and ``timezone``.

    Raises:
        UsageError: ``usage.deployment``, or of the range.
        OrchestrationError: ``orchestration.no_api``, or the API cannot be reached.
    """
    asked = _asked(runner, name, inputs, options)
    from .on_prefect import deployments  # noqa: PLC0415  # see `import_prefect`

    with at_level(runner.config.log_level):
        return deployments.deploy(asked, work_pool_name, job_variables or {})


def serve(
    runner: "PipelineRunner",
    name: str,
    inputs: Iterable[object] = (),
    *,
    ready: Callable[[Deployed], None] | None = None,
    **options: Unpack[DeploymentOptions],
) -> None:
    """Make a deployment and run what is scheduled of it, until a signal ends this process.

    It takes no worker: each run is a process that this one starts. At the end, the schedule is paused.

    Args:
        runner: as for `deploy`.
        name: what the deployment is called.
        inputs: as for `deploy`.
        ready: called once the deployment is made.
        options: as for `deploy`.

    Raises:
        UsageError: as `deploy`.
        OrchestrationError: as `deploy`.
    """
    asked = _asked(runner, name, inputs, options)
    from .on_prefect import deployments  # noqa: PLC0415  # see `import_prefect`

    with at_level(runner.config.log_level):
        deployments.serve(asked, ready or (lambda _: None))


def _asked(
    runner: "PipelineRunner", name: str, inputs: Iterable[object], options: DeploymentOptions
) -> Deployment:
    asked = Deployment(
        name=name,
        definition=runner.pipeline,
        address=runner.address,
        config=runner.config,
        inputs=list(inputs),
        **options,
    )
    _check_api()
    import_prefect()
    return asked


def _check_api() -> None:
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
