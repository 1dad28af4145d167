"""Description of a deployment: a pipeline by its address, its inputs, settings and schedule."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_jobs import Url, parse_location
from pipeline_jobs.escaping import escape
from pipeline_jobs.storage.location import is_url
from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.exceptions import UsageError
from pipeline_orchestration.execution.first_job import FirstJob
from pipeline_orchestration.settings.config import PipelineConfig

_FORBIDDEN = "/%&<>"  # by Prefect, in any name


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSpec:
    """A deployment that is to be created.

    Args:
        name: name of the deployment.
        definition: pipeline that it runs.
        address: address of the definition; None if it was given as an object.
        config: settings of its runs.
        params: parameters of its runs, as ``PipelineRunner`` takes them.
        inputs: as a run takes them, except data in memory.
        start_from: first job.
        stop_after: last job.
        cron: schedule as a cron line, such as ``0 2 * * *``.
        interval: schedule as the number of seconds between two runs.
        timezone: time zone of the schedule, such as ``Europe/Vienna``; UTC if left out.

    Raises:
        UsageError: ``usage.deployment``, ``usage.params``, or as ``PipelineDefinition.select_jobs`` says.
    """

    name: str
    definition: PipelineDefinition
    address: str | None
    config: PipelineConfig
    params: object = None
    inputs: Sequence[object] = ()
    start_from: str | None = None
    stop_after: str | None = None
    cron: str | None = None
    interval: float | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        """Refuse wrong values before a server is asked."""
        self.definition.select_jobs(self.start_from, self.stop_after)
        name = self.name
        if not name.strip() or not name.isprintable() or any(character in name for character in _FORBIDDEN):
            text = f"invalid name of a deployment {name!r}: expected text without {' '.join(_FORBIDDEN)}"
            raise UsageError("usage.deployment", text)
        if self.address is None:
            text = (
                f"the pipeline {self.definition.name!r} was given as an object, which no other process "
                "can import; give its address, as package.module:attribute or file.py:attribute"
            )
            raise UsageError("usage.deployment", text)
        if self.cron is not None and self.interval is not None:
            raise UsageError("usage.deployment", "cron and interval exclude each other; give one of them")
        if self.timezone is not None and self.cron is None and self.interval is None:
            raise UsageError("usage.deployment", "a time zone needs a schedule; give cron or interval")
        if self.interval is not None and not self.interval > 0:
            text = f"expected an interval of more than 0 seconds, got {self.interval}"
            raise UsageError("usage.deployment", text)
        self._make_params()

    def make_parameters(self) -> dict[str, object]:
        """Return the parameters of its flow runs: JSON-safe, with absolute paths and without a password.

        They include all settings, so that a run does the same wherever it happens.

        Raises:
            InputError: ``input.url``: an input is a URL that holds a password.
            UsageError: ``usage.deployment``: an input is data in memory.
        """
        jobs = {"start_from": self.start_from, "stop_after": self.stop_after}
        parameters: dict[str, object] = {"pipeline": self.address}
        parameters |= {name: job for name, job in jobs.items() if job is not None}
        if self.inputs:
            first_job = FirstJob(self.definition, self.start_from, self.config, self.params)
            parameters["inputs"] = [_make_input_text(value, first_job) for value in self.inputs]
        if self.definition.parameters:
            parameters["params"] = self._make_params()
        return parameters | self.config.to_parameters()

    def _make_params(self) -> object:
        """Return the parameters of the definition that are given here; a scheduled run gets no others."""
        if not self.definition.parameters:
            return self.definition.fill_parameters(self.params)  # refuses any
        has_schedule = self.cron is not None or self.interval is not None
        return self.definition.parameters.make_defaults(
            self.params, is_complete=has_schedule, no_settings_files=self.config.no_settings_files
        )


@dataclass(frozen=True, slots=True)
class CreatedDeployment:
    """A deployment that a server has.

    Args:
        name: full name in Prefect, such as ``run_pipeline/nightly``.
        url: its page, if the server has pages.
        work_pool: name of the work pool whose workers run it; None if it is served.
        made_pool: whether the work pool was created with it.
    """

    name: str
    url: str | None = None
    work_pool: str | None = None
    made_pool: bool = False


def _make_input_text(value: object, first_job: FirstJob) -> str:
    """Return an input as text: a path is absolute, as a run of the deployment has its own current folder."""
    match value:
        case Url():
            return str(value)
        case os.PathLike():
            return _make_path_text(Path(os.fsdecode(value)))
        case str() if is_url(value):
            parse_location(value)  # refuses a URL that holds a password
            return value
        case str() if first_job.find_stream(value):
            text = f"{escape(value)} cannot be the input of a deployment, whose runs come later"
            raise UsageError("usage.deployment", f"{text}; write what it holds to a file, and give that")
        case str() if value and _is_path(value, first_job):
            return _make_path_text(Path(value))
        case str() if value.isprintable():
            return value
        case int():
            return str(value)
    raise UsageError(
        "usage.deployment", f"expected a path or an id as an input of a deployment, got {value!r}"
    )


def _is_path(text: str, first_job: FirstJob) -> bool:
    if first_job.takes in ("files", "text"):
        return first_job.takes == "files"
    return not text.isdecimal() and os.path.lexists(text)


def _make_path_text(path: Path) -> str:
    """Return an absolute path as a person reads it, or as a URI if it is not printable."""
    path = path.absolute()
    return str(path) if str(path).isprintable() else path.as_uri()
