"""Deployments of `run_pipeline`: one for a work pool's workers, or one that is served from this process."""

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

from pipeline_jobs import shown
from pipeline_orchestration.deployment import Deployed, Deployment
from pipeline_orchestration.errors import UsageError

from .flow import run_pipeline
from .marks import pipeline_tag
from .setup import configured_api
from .trouble import GAVE_UP, gave_up

# The public name, which a release may move behind itself but not away.
_ENTRYPOINT = "pipeline_orchestration.run_pipeline"
_POOL = "pipeline"
_PROCESS = ProcessWorker.type
# Runs start in the current folder: without this, what lies there, as it may have come with the data, would be
# imported in place of a library.
_ENVIRONMENT = {"PYTHONSAFEPATH": "1"}


def deploy(asked: Deployment, work_pool: str | None, job_variables: Mapping[str, object]) -> Deployed:
    """Make a deployment for a work pool, which is made too, for processes, unless it is there.

    Args:
        asked: what it is to be.
        work_pool: its name; if left out that of Prefect's default pool, or else ``pipeline``.
        job_variables: for the pool, beside the working directory of processes.

    Raises:
        UsageError: ``usage.deployment``: name, schedule or inputs make no sense.
        OrchestrationError: ``orchestration.failed``: Prefect's API cannot be reached, or refuses.
    """
    deployment = _deployment(asked)
    with configured_api(), _trouble():
        pool = work_pool or PREFECT_DEFAULT_WORK_POOL_NAME.value() or _POOL
        kind, made = _work_pool(pool)
        deployment.work_pool_name = pool
        deployment.job_variables = _job_variables(kind, job_variables)
        if kind == _PROCESS:
            # A pull step: without one, a worker copies the folder, with all the data in it.
            deployment.storage = LocalStorage(str(Path.cwd()))
        identity = deployment.apply()
        return Deployed(deployment.full_name, _url(identity), pool, made)


def serve(asked: Deployment, ready: Callable[[Deployed], None]) -> None:
    """Make a deployment and run what is scheduled of it, each run in a process, until a signal ends this one.

    Its schedule is paused when that happens.

    Args:
        asked: what it is to be.
        ready: called once the deployment is made.

    Raises:
        UsageError: as `deploy`.
        OrchestrationError: as `deploy`.
    """
    deployment = _deployment(asked)
    with configured_api(), _trouble():
        runner = _Serving(name=asked.name)
        identity = runner.add_deployment(deployment)
        ready(Deployed(deployment.full_name, _url(identity)))
        os.environ.update(_ENVIRONMENT)  # of the processes of its runs
        runner.run()


class _Serving(Runner):
    """Prefect's runner, whose runs a signal cancels, and which then ends as whatever else runs here.

    By itself it lets go of its runs when SIGINT comes, which are then shown as running for good, and ends
    with 0 on SIGTERM.
    """

    def __init__(self, *, name: str) -> None:
        super().__init__(name=name, pause_on_shutdown=True)
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self._end: BaseException | None = None

    def run(self) -> None:
        """Run what is scheduled until a signal comes, and end as it would have without this."""
        handled = [number for number, handler in self._before.items() if handler != signal.SIG_IGN]
        for number in handled:
            signal.signal(number, self.handle_sigterm)
        try:
            asyncio.run(self.start())
        finally:
            for number in handled:
                signal.signal(number, self._before[number])
        if self._end is not None:
            raise self._end

    def handle_sigterm(self, number: int, frame: FrameType | None) -> None:
        """Take down how the process is to end, and stop; before there is anything to stop, end at once."""
        end = self._ending(number, frame)
        if not self.started or self._end is not None:
            raise end
        self._end = end
        self.execute_in_background(self.astop)

    def _ending(self, number: int, frame: FrameType | None) -> BaseException:
        before = self._before[signal.Signals(number)]
        if callable(before):
            try:
                before(number, frame)
            except (KeyboardInterrupt, SystemExit) as end:
                return end
        return SystemExit(128 + number)


def _deployment(asked: Deployment) -> RunnerDeployment:
    jobs = ", ".join(asked.definition.names)
    about = (run_pipeline.description or "").partition("\n\nArgs:")[0]  # the form tells of each parameter
    try:
        return RunnerDeployment.from_entrypoint(
            _ENTRYPOINT,
            name=asked.name,
            schedule=_schedule(asked),
            parameters=asked.parameters(run_pipeline.parameters.properties),
            description=f"The pipeline {asked.definition.name}: {jobs}.\n\n{about}",
            tags=[pipeline_tag(asked.definition.name)],
        )
    except UsageError:
        raise
    except ValueError as error:  # Prefect's own, of a name, a cron line or a time zone
        raise UsageError("usage.deployment", shown(_first(error))) from error


def _schedule(asked: Deployment) -> Schedule | None:
    if asked.cron is not None:
        return Cron(asked.cron, timezone=asked.timezone)
    if asked.interval is not None:
        return Interval(asked.interval, timezone=asked.timezone)
    return None


def _first(error: ValueError) -> str:
    """Return what is wrong in one line; Pydantic says it in three, with a link."""
    details = getattr(error, "errors", None)
    return str(details()[0]["msg"] if callable(details) else error)


def _work_pool(name: str) -> tuple[str, bool]:
    """Return the type of a work pool, and whether it had to be made."""
    with get_client(sync_client=True) as client:
        try:
            return client.read_work_pool(name).type, False
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            try:
                client.create_work_pool(WorkPoolCreate(name=name, type=_PROCESS, base_job_template=template))
            except ObjectAlreadyExists:  # meanwhile
                return client.read_work_pool(name).type, False
            return _PROCESS, True


def _job_variables(kind: str, given: Mapping[str, object]) -> dict[str, object]:
    """Return those of a pool's type: in a container, the folder and what is in it are the image's."""
    return {"working_dir": str(Path.cwd()), **given} if kind == _PROCESS else dict(given)


def _url(identity: object) -> str | None:
    return url_for("deployment", obj_id=str(identity))


@contextmanager
def _trouble() -> Iterator[None]:
    """Say in our words what Prefect raises when its API is away or refuses."""
    try:
        yield
    except UsageError:
        raise
    except GAVE_UP as error:
        raise gave_up(str(error) or type(error).__name__, hint="") from error
