"""Deployments of `run_pipeline`: run by the workers of a work pool, or served by this process."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.runner import Runner
from prefect.runner.storage import LocalStorage
from prefect.schedules import Cron, Interval, Schedule
from prefect.settings import PREFECT_DEFAULT_WORK_POOL_NAME
from prefect.utilities.urls import url_for
from prefect.workers.process import ProcessWorker

from pipeline_jobs.escaping import escape
from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.exceptions import UsageError
from pipeline_orchestration.execution.import_path import start_with_safe_path

from .client_settings import configure_client
from .deployment_spec import CreatedDeployment, DeploymentSpec
from .exceptions import CLIENT_ERRORS, make_gave_up_error
from .flow_run import FOLDER_OF_RUNS
from .flows import run_pipeline
from .tags import make_pipeline_tag

# By its public name, so that a release may move the module that defines it.
_ENTRYPOINT = "pipeline_orchestration.run_pipeline"
_DEFAULT_POOL = "pipeline"
_PROCESS = ProcessWorker.type
# Prefect imports the flow of a run from the folder that the run starts in, before any other. A module in the
# current folder may have come with the data; nothing is in this folder, and nobody can put anything there.
_EMPTY_FOLDER = "/"


def deploy(
    spec: DeploymentSpec, work_pool: str | None, job_variables: Mapping[str, object]
) -> CreatedDeployment:
    """Create a deployment for the workers of a work pool; a missing pool is created, for processes.

    Args:
        spec: the deployment.
        work_pool: name of the pool; Prefect's default pool, or else ``pipeline``, if None.
        job_variables: variables for the pool; processes also get a working directory.

    Raises:
        UsageError: ``usage.deployment``: name, schedule or inputs are invalid.
        OrchestrationError: ``orchestration.failed``: Prefect's API cannot be reached, or refuses.
    """
    deployment = _make_deployment(spec)
    with configure_client(), _translate_errors():
        pool = work_pool or PREFECT_DEFAULT_WORK_POOL_NAME.value() or _DEFAULT_POOL
        pool_type, created = _find_or_create_pool(pool)
        deployment.work_pool_name = pool
        deployment.job_variables = dict(job_variables)
        if pool_type == _PROCESS:  # with any other one, the folder is that of an image
            deployment.job_variables = {"working_dir": str(Path.cwd()), **job_variables}
            # A pull step: without one, a worker copies the folder, with all the data in it.
            deployment.storage = LocalStorage(str(Path.cwd()))
        deployment_id = deployment.apply()
        return CreatedDeployment(deployment.full_name, _get_deployment_url(deployment_id), pool, created)


def serve(spec: DeploymentSpec, ready: Callable[[CreatedDeployment], None]) -> None:
    """Create a deployment and run its scheduled runs, each in a process, until a signal ends this process.

    The signal also pauses the schedule.

    Args:
        spec: the deployment.
        ready: called when the deployment is created.

    Raises:
        UsageError: as `deploy`.
        OrchestrationError: as `deploy`.
    """
    deployment = _make_deployment(spec)
    deployment.storage = LocalStorage(_EMPTY_FOLDER)
    with configure_client(), _translate_errors():
        runner = _SignalAwareRunner(name=spec.name)
        deployment_id = runner.add_deployment(deployment)
        ready(CreatedDeployment(deployment.full_name, _get_deployment_url(deployment_id)))
        os.environ[FOLDER_OF_RUNS] = str(Path.cwd())
        runner.run()


def _make_deployment(spec: DeploymentSpec) -> RunnerDeployment:
    definition = spec.definition
    jobs = f"The pipeline {definition.name}: {', '.join(definition.names)}."
    flow = (run_pipeline.description or "").partition("\n\nArgs:")[0]  # the form describes each parameter
    try:
        deployment = RunnerDeployment.from_entrypoint(
            _ENTRYPOINT,
            name=spec.name,
            schedule=_make_schedule(spec),
            parameters=spec.make_parameters(),
            description="\n\n".join(filter(None, [definition.description, jobs, flow])),
            tags=[make_pipeline_tag(definition.name)],
        )
    except UsageError:
        raise
    except ValueError as error:  # from Prefect, about a name, a cron line or a time zone
        raise UsageError("usage.deployment", escape(_get_first_message(error))) from error
    _describe_parameters(deployment, definition)
    return deployment


def _describe_parameters(deployment: RunnerDeployment, definition: PipelineDefinition) -> None:
    """Show the parameters of a definition in the form of its deployment, each with its type."""
    form = deployment._parameter_openapi_schema  # noqa: SLF001  # Prefect has no public way to add to it
    described = form.properties.pop("params")
    if definition.parameters:
        schema = definition.parameters.schema
        kept = {key: described[key] for key in ("title", "description", "position")}
        form.properties["params"] = kept | schema.make_form()
        form.definitions |= schema.definitions
        if form.properties["params"]["required"]:
            form.required.append("params")


def _make_schedule(spec: DeploymentSpec) -> Schedule | None:
    if spec.cron is not None:
        return Cron(spec.cron, timezone=spec.timezone)
    if spec.interval is not None:
        return Interval(spec.interval, timezone=spec.timezone)
    return None


def _get_first_message(error: ValueError) -> str:
    """Return the message of an error in one line; Pydantic's has three lines and a link."""
    details = getattr(error, "errors", None)
    return str(details()[0]["msg"] if callable(details) else error)


def _find_or_create_pool(name: str) -> tuple[str, bool]:
    """Return the type of a work pool, and whether it had to be created."""
    with get_client(sync_client=True) as client:
        try:
            return client.read_work_pool(name).type, False
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            try:
                client.create_work_pool(WorkPoolCreate(name=name, type=_PROCESS, base_job_template=template))
            except ObjectAlreadyExists:  # another process created it meanwhile
                return client.read_work_pool(name).type, False
            return _PROCESS, True


def _get_deployment_url(deployment_id: object) -> str | None:
    return url_for("deployment", obj_id=str(deployment_id))


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn what Prefect raises, when its API is away or refuses, into our error."""
    try:
        yield
    except UsageError:
        raise
    except CLIENT_ERRORS as error:
        raise make_gave_up_error(str(error) or type(error).__name__, hint="") from error


class _SignalAwareRunner(Runner):
    """Prefect's runner, but a signal cancels its runs and then ends the process in the usual way.

    Prefect's own one leaves its runs alone on SIGINT, which are then shown as running for ever, and exits
    with 0 on SIGTERM.
    """

    def __init__(self, *, name: str) -> None:
        super().__init__(name=name, pause_on_shutdown=True)
        self._handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self._exit: BaseException | None = None

    def run(self) -> None:
        """Run what is scheduled until a signal comes; then raise what its former handler would raise."""
        handled = [number for number, handler in self._handlers.items() if handler != signal.SIG_IGN]
        for number in handled:
            signal.signal(number, self.handle_sigterm)
        try:
            with start_with_safe_path():
                asyncio.run(self.start())
        finally:
            for number in handled:
                signal.signal(number, self._handlers[number])
        if self._exit is not None:
            raise self._exit

    def handle_sigterm(self, number: int, frame: FrameType | None) -> None:
        """Remember how the process is to end, and stop; before the runner has started, end at once."""
        error = self._make_exit(number, frame)
        if not self.started or self._exit is not None:
            raise error
        self._exit = error
        self.execute_in_background(self.astop)

    def _make_exit(self, number: int, frame: FrameType | None) -> BaseException:
        handler = self._handlers[signal.Signals(number)]
        if callable(handler):
            try:
                handler(number, frame)
            except (KeyboardInterrupt, SystemExit) as error:
                return error
        return SystemExit(128 + number)
