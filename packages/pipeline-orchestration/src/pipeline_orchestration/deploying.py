"""Deployments of what a `PipelineRunner` would run, for workers or served from this process."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from .engines.dispatch import check_settings_files, import_prefect
from .engines.prefect.api_url import find_api_url
from .engines.prefect.deployment_spec import CreatedDeployment, DeploymentSpec
from .exceptions import OrchestrationError
from .log_levels import set_log_level
from .settings.sources import NO_FILES, VARIABLE_PREFIX

if TYPE_CHECKING:
    from .runner import PipelineRunner


class DeploymentOptions(TypedDict, total=False):
    """Options of a deployment, described by ``DeploymentSpec``."""

    start_from: str | None
    stop_after: str | None
    cron: str | None
    interval: float | None
    timezone: str | None


def deploy(
    runner: "PipelineRunner",
    name: str,
    inputs: Iterable[object] = (),
    *,
    work_pool_name: str | None = None,
    job_variables: Mapping[str, object] | None = None,
    **options: Unpack[DeploymentOptions],
) -> CreatedDeployment:
    """Create a deployment that the workers of a work pool run.

    It replaces a deployment of the same name. A missing work pool is created, for processes, which start in
    the current folder.

    Args:
        runner: supplies the pipeline and the settings.
        name: name of the deployment.
        inputs: paths or batch ids for a run that is given no others.
        work_pool_name: Prefect's default work pool, or else ``pipeline``, if left out.
        job_variables: variables for the work pool, as Prefect takes them.
        options: ``start_from``, ``stop_after``; ``cron``, or ``interval`` in seconds, and ``timezone``.

    Raises:
        UsageError: ``usage.deployment``, or the range of jobs is invalid.
        OrchestrationError: ``orchestration.no_api``, or the API cannot be reached.
    """
    spec = _prepare_deployment(runner, name, inputs, options)
    from .engines.prefect import deployments  # noqa: PLC0415  # see `import_prefect`

    with set_log_level(runner.config.log_level):
        return deployments.deploy(spec, work_pool_name, job_variables or {})


def serve(
    runner: "PipelineRunner",
    name: str,
    inputs: Iterable[object] = (),
    *,
    ready: Callable[[CreatedDeployment], None] | None = None,
    **options: Unpack[DeploymentOptions],
) -> None:
    """Create a deployment and run its scheduled runs, until a signal ends this process.

    It needs no worker: this process starts another one for each run. At the end, the schedule is paused.

    Args:
        runner: as for `deploy`.
        name: name of the deployment.
        inputs: as for `deploy`.
        ready: called when the deployment is created.
        options: as for `deploy`.

    Raises:
        UsageError: as `deploy`.
        OrchestrationError: as `deploy`.
    """
    if runner.config.no_settings_files:
        check_settings_files("the runs", no_settings_files=True)
        os.environ[f"{VARIABLE_PREFIX}{NO_FILES.upper()}"] = "1"  # for the processes of its runs
    spec = _prepare_deployment(runner, name, inputs, options)
    from .engines.prefect import deployments  # noqa: PLC0415  # see `import_prefect`

    with set_log_level(runner.config.log_level):
        deployments.serve(spec, ready or (lambda _: None))


def _prepare_deployment(
    runner: "PipelineRunner", name: str, inputs: Iterable[object], options: DeploymentOptions
) -> DeploymentSpec:
    """Check the arguments, and that there is an API, before the seconds that Prefect's import takes."""
    spec = DeploymentSpec(
        name=name,
        definition=runner.pipeline,
        address=runner.address,
        config=runner.config,
        params=runner.given_params,
        inputs=list(inputs),
        **options,
    )
    check_settings_files(no_settings_files=runner.config.no_settings_files)
    _check_api(no_settings_files=runner.config.no_settings_files)
    import_prefect(no_settings_files=runner.config.no_settings_files)
    return spec


def _check_api(*, no_settings_files: bool) -> None:
    """Refuse to deploy where no API is configured: a temporary server would be gone at once.

    Raises:
        OrchestrationError: ``orchestration.no_api``; ``orchestration.settings``: Prefect's cannot be read.
    """
    try:
        api = find_api_url(no_settings_files=no_settings_files)
    except ValueError as error:
        text = f"Prefect's settings cannot be read: {error}"
        raise OrchestrationError("orchestration.settings", text) from error
    if api is None:
        start = "start a server by `prefect server start`"
        text = f"no Prefect API is configured; {start} and set PREFECT_API_URL=http://127.0.0.1:4200/api"
        raise OrchestrationError("orchestration.no_api", text)
