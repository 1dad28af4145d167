"""Which of Prefect's task runners a run is spread by, made as the settings say."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from importlib.util import find_spec
from typing import Any, Self

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from pipeline_jobs import shown
from pipeline_orchestration.config import PipelineConfig
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.names import TaskRunnerName
from pipeline_orchestration.worker_process import undisturbed

_UNTOLD = 16  # workers that a cluster is taken to have which does not say, or has none yet
_PATIENCE = 20.0  # seconds until a cluster has to answer


def check_task_runner(name: TaskRunnerName) -> None:
    """Make sure that what a task runner takes is installed.

    Raises:
        OrchestrationError: ``orchestration.task_runner``: it is not.
    """
    module = {TaskRunnerName.DASK: "prefect_dask", TaskRunnerName.RAY: "prefect_ray"}.get(name)
    if module and find_spec(module) is None:
        text = f"the task runner {name} takes {module}, which is not installed"
        raise OrchestrationError(
            "orchestration.task_runner", f"{text}; pip install './packages/pipeline-orchestration[{name}]'"
        )


class _Processes(ProcessPoolTaskRunner):
    """Prefect's own, whose workers send logs and events through a queue of this process, with two changes.

    The thread that hands them on knows which API this run has set up; by itself it would start a server of
    Prefect's. And at its end this process waits for nothing that a worker holds which was killed as it wrote.
    """

    def __enter__(self) -> Self:
        self._surroundings = copy_context()
        entered = super().__enter__()
        # Whatever is not in the pipe by then is lost: what this process puts there is a word to stop.
        if queue := self._subprocess_message_queue:
            queue.cancel_join_thread()
        return entered

    def _forward_subprocess_messages(self) -> None:
        self._surroundings.run(super()._forward_subprocess_messages)


def make_task_runner(name: TaskRunnerName, config: PipelineConfig) -> TaskRunner[Any]:
    """Return a task runner for a run: a cluster that is there already, or workers on this machine."""
    match name:
        case TaskRunnerName.THREADS:
            return ThreadPoolTaskRunner(max_workers=config.concurrency)
        case TaskRunnerName.PROCESSES:
            return _Processes(max_workers=config.concurrency)
        case TaskRunnerName.DASK:
            return _dask(config)
        case TaskRunnerName.RAY:
            return _ray(config)


@contextmanager
def started(name: TaskRunnerName, config: PipelineConfig) -> Iterator[TaskRunner[Any]]:
    """Lend a task runner that has started, and end it.

    Raises:
        OrchestrationError: ``orchestration.task_runner``: it does not start.
    """
    with ExitStack() as stack:
        try:
            with undisturbed(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Ray warns of what it raises then
                runner = stack.enter_context(make_task_runner(name, config))
        except (OSError, RuntimeError, ValueError) as error:
            first, *more = str(error).strip().splitlines() or [type(error).__name__]
            # What Ray quotes is a traceback, of which the last line says what it is.
            reason = f"{first} {more[-1].strip()}" if first.endswith(":") and more else first
            text = f"the task runner does not start: {reason}"
            if config.ray_address:
                text = f"the Ray cluster at {config.ray_address} cannot be reached: {reason}"
                text += "; if it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
            raise OrchestrationError("orchestration.task_runner", shown(text)) from error
        yield runner


def workers(name: TaskRunnerName, config: PipelineConfig) -> int:
    """Return how many groups are to be worked on at a time: as many as are asked for, else as a cluster can.

    Raises:
        OrchestrationError: ``orchestration.task_runner``: the cluster does not answer.
    """
    if name is TaskRunnerName.DASK and config.dask_address:
        from distributed import Client  # noqa: PLC0415  # an extra

        try:
            with Client(config.dask_address, timeout=_PATIENCE, set_as_default=False) as client:
                size = sum(client.nthreads().values())
        except (OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            text = f"the Dask cluster at {config.dask_address} cannot be reached: {reason}"
            raise OrchestrationError("orchestration.task_runner", text) from error
        return config.concurrency if config.concurrency > 1 else size or _UNTOLD
    if name is TaskRunnerName.RAY and config.ray_address and config.concurrency == 1:
        return _UNTOLD
    return config.concurrency


def _dask(config: PipelineConfig) -> TaskRunner[Any]:
    from prefect_dask import DaskTaskRunner  # noqa: PLC0415  # an extra

    # It tells at INFO of each connection; of a lost worker, at WARNING.
    logging.getLogger("distributed").setLevel(
        logging.INFO if config.log_level == "DEBUG" else logging.WARNING
    )
    runner: TaskRunner[Any]
    if config.dask_address:
        runner = DaskTaskRunner(address=config.dask_address)
    else:
        # A worker works on one group, and no page of Dask's is served.
        local = {"n_workers": config.concurrency, "threads_per_worker": 1, "dashboard_address": None}
        runner = DaskTaskRunner(cluster_kwargs=local)
    return runner


def _ray(config: PipelineConfig) -> TaskRunner[Any]:
    from prefect_ray import RayTaskRunner  # noqa: PLC0415  # an extra

    runner: TaskRunner[Any]
    if config.ray_address:
        runner = RayTaskRunner(address=config.ray_address)
    else:
        # For this machine alone, on which Ray would otherwise listen for others.
        local = {
            "num_cpus": config.concurrency,
            "include_dashboard": False,
            "logging_level": logging.WARNING,
            "_node_ip_address": "127.0.0.1",
        }
        runner = RayTaskRunner(init_kwargs=local)
    return runner
