"""Making deployments of what a runner would run, and serving them."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

from .deployment import Deployed, Deployment
from .errors import OrchestrationError
from .importing import import_prefect
from .logs import at_level
from .prefect_settings import api_url

if TYPE_CHECKING:
    from .runner import PipelineRunner


class DeploymentOptions(TypedDict, total=False):
    """What a deployment may be given, as ``Deployment`` says."""

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
