"""Which of Prefect's task runners a run is spread by, made as the settings say."""

import logging
from importlib.util import find_spec
from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from pipeline_orchestration.config import PipelineConfig
from pipeline_orchestration.errors import OrchestrationError
from pipeline_orchestration.names import TaskRunnerName

# Groups that a cluster of a size nobody has told us has at a time; each holds some kilobytes here.
_IN_FLIGHT = 256
_AHEAD = 2  # groups for each worker, so that none waits for the next


def check_task_runner(name: TaskRunnerName) -> None:
    """Make sure that what a task runner takes is installed.

    Raises:
        OrchestrationError: ``orchestration.task_runner``: it is not.
    """
    module = {TaskRunnerName.DASK: "prefect_dask", TaskRunnerName.RAY: "prefect_ray"}.get(name)
    if module and find_spec(module) is None:
        text = f"the task runner {name} takes {module}, which is not installed"
        raise OrchestrationError(
            "orchestration.task_runner", f"{text}; install pipeline-orchestration[{name}]"
        )


def make_task_runner(name: TaskRunnerName, config: PipelineConfig) -> TaskRunner[Any]:
    """Return a task runner for a run: a cluster that is there already, or workers on this machine."""
    match name:
        case TaskRunnerName.THREADS:
            return ThreadPoolTaskRunner(max_workers=config.concurrency)
        case TaskRunnerName.PROCESSES:
            return ProcessPoolTaskRunner(max_workers=config.concurrency)
        case TaskRunnerName.DASK:
            return _dask(config)
        case TaskRunnerName.RAY:
            return _ray(config)


def most_in_flight(config: PipelineConfig) -> int:
    """Return how many groups a task runner is given at a time."""
    cluster = {TaskRunnerName.DASK: config.dask_address, TaskRunnerName.RAY: config.ray_address}
    if config.spreads_by in cluster and cluster[config.spreads_by] and config.concurrency == 1:
        return _IN_FLIGHT
    return _AHEAD * config.concurrency


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
