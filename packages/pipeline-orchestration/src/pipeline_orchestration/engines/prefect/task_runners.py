"""Prefect's task runners, made from the settings."""

import logging
import os
import secrets
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from pipeline_jobs.escaping import escape
from pipeline_orchestration.engines.processes.worker import block_terminal_signals
from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.execution.import_path import start_with_safe_path
from pipeline_orchestration.settings.config import PipelineConfig, TaskRunnerName

if TYPE_CHECKING:  # an extra
    from distributed import LocalCluster

_ASSUMED_WORKERS = 16  # of a cluster that does not say how many it has, or has none yet
_CONNECT_SECONDS = 20.0
# On a busy machine, Ray's own processes may wait too long for each other.
_RAY_ATTEMPTS = 3
# Ray prints with a delay what its workers print, and its shutdown drops the rest.
_RAY_PRINT_SECONDS = 0.5  # as Ray waits itself at the end of Python

_log = logging.getLogger(__name__)


def check_task_runner(name: TaskRunnerName) -> None:
    """Check that the package of a task runner is installed.

    Raises:
        OrchestrationError: ``orchestration.task_runner``: it is not.
    """
    module = {TaskRunnerName.DASK: "prefect_dask", TaskRunnerName.RAY: "prefect_ray"}.get(name)
    if module and find_spec(module) is None:
        text = f"the task runner {name} needs {module}, which is not installed"
        raise OrchestrationError(
            "orchestration.task_runner", f"{text}; pip install './packages/pipeline-orchestration[{name}]'"
        )


class _Processes(ProcessPoolTaskRunner):
    """Prefect's process pool, with two changes to how its workers send logs and events.

    They go through a queue to a thread of this process. The thread gets the API settings of this run: without
    them it would start another server. And this process does not wait for the queue when it ends: a worker
    that was killed while it wrote holds the queue's lock forever.
    """

    def __enter__(self) -> Self:
        self._context = copy_context()
        entered = super().__enter__()
        # This process only ever puts the word to stop into the queue, so that nothing is lost.
        if queue := self._subprocess_message_queue:
            queue.cancel_join_thread()
        return entered

    def _forward_subprocess_messages(self) -> None:
        self._context.run(super()._forward_subprocess_messages)


def make_task_runner(name: TaskRunnerName, config: PipelineConfig, folder: Path) -> TaskRunner[Any]:
    """Make a task runner: one for an existing cluster, or one that starts workers on this machine.

    Args:
        name: of the task runner.
        config: of the run.
        folder: of the run, for the files of workers on this machine.
    """
    match name:
        case TaskRunnerName.THREADS:
            return ThreadPoolTaskRunner(max_workers=config.concurrency)
        case TaskRunnerName.PROCESSES:
            return _Processes(max_workers=config.concurrency)
        case TaskRunnerName.DASK:
            return _dask(config, folder)
        case TaskRunnerName.RAY:
            return _ray(config)


@contextmanager
def start_task_runner(
    name: TaskRunnerName, config: PipelineConfig, folder: Path
) -> Iterator[TaskRunner[Any]]:
    """Lend a started task runner; it ends with the block.

    Args:
        name: of the task runner.
        config: of the run.
        folder: of the run, which nobody else can enter.

    Raises:
        OrchestrationError: ``orchestration.task_runner``: it does not start.
    """
    is_local_ray = name is TaskRunnerName.RAY and not config.ray_address
    with ExitStack() as stack:
        if name is not TaskRunnerName.THREADS:
            stack.enter_context(start_with_safe_path())  # a lost worker is replaced at any time
        if is_local_ray:
            stack.enter_context(_protect_ray())
        for left in reversed(range(_RAY_ATTEMPTS if is_local_ray else 1)):
            try:
                with block_terminal_signals(), warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # Ray warns of the error that it then raises
                    runner = stack.enter_context(make_task_runner(name, config, folder))
                break
            except Exception as error:  # Ray raises the class itself
                reason = _describe_failure(error)
                if not left:
                    text = f"the task runner does not start: {reason}"
                    if config.ray_address:
                        text = f"the Ray cluster at {config.ray_address} cannot be reached: {reason}"
                        text += "; if it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
                    raise OrchestrationError("orchestration.task_runner", escape(text)) from error
                _log.warning("Ray does not start, trying again: %s", escape(reason))
        yield runner
        if is_local_ray:
            time.sleep(_RAY_PRINT_SECONDS)


@contextmanager
def _protect_ray() -> Iterator[None]:
    """Let only the processes of Ray on this machine know its token, for as long as the block lasts.

    Several of its ports are open to other users, and some to other machines: Ray asks for a token there. It
    would keep it in a file that others can read; in the environment of its processes they cannot.
    """
    variables = {
        # Its pages ask for no token. Two others stay, with counts of what Ray itself does.
        "RAY_enable_metrics_collection": "false",
    }
    # Ray sets the mode when it starts for the first time, and keeps its first token.
    is_ours = "RAY_AUTH_MODE" not in os.environ or _make_token.cache_info().currsize
    if is_ours and "RAY_AUTH_TOKEN" not in os.environ:
        variables["RAY_AUTH_TOKEN"] = _make_token()
        logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)  # it warns of having a token
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def _make_token() -> str:
    return secrets.token_hex(32)


def _describe_failure(error: Exception) -> str:
    """Return one line of the text of an error; of a traceback that Ray quotes, the last one."""
    first, *more = str(error).strip().splitlines() or [type(error).__name__]
    return f"{first} {more[-1].strip()}" if first.endswith(":") and more else first


def count_workers(name: TaskRunnerName, config: PipelineConfig) -> int:
    """Return how many groups run at a time: the setting, or the number of a cluster's threads.

    Raises:
        OrchestrationError: ``orchestration.task_runner``: the cluster does not answer.
    """
    if name is TaskRunnerName.DASK and config.dask_address:
        from distributed import Client  # noqa: PLC0415  # an extra

        try:
            with Client(config.dask_address, timeout=_CONNECT_SECONDS, set_as_default=False) as client:
                size = sum(client.nthreads().values())
        except (OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            text = f"the Dask cluster at {config.dask_address} cannot be reached: {reason}"
            raise OrchestrationError("orchestration.task_runner", text) from error
        return config.concurrency if config.concurrency > 1 else size or _ASSUMED_WORKERS
    if name is TaskRunnerName.RAY and config.ray_address and config.concurrency == 1:
        return _ASSUMED_WORKERS
    return config.concurrency


def _dask(config: PipelineConfig, folder: Path) -> TaskRunner[Any]:
    from prefect_dask import DaskTaskRunner  # noqa: PLC0415  # an extra

    # It logs each connection at INFO, a lost worker at WARNING.
    logging.getLogger("distributed").setLevel(
        logging.INFO if config.log_level == "DEBUG" else logging.WARNING
    )
    runner: TaskRunner[Any]
    if config.dask_address:
        runner = DaskTaskRunner(address=config.dask_address)
    else:
        # A worker runs one group at a time.
        local = {"folder": folder, "n_workers": config.concurrency, "threads_per_worker": 1}
        runner = DaskTaskRunner(cluster_class=_start_dask_cluster, cluster_kwargs=local)
    return runner


def _start_dask_cluster(folder: Path, **options: object) -> "LocalCluster":
    """Start a Dask cluster on this machine that other users of it can neither use nor make wait.

    It locks a file in a folder of all users, and imports from there, unless it is given another folder. Its
    ports ask for a certificate, which only this process and its workers have. Each of its processes has one
    for pages too, which no option takes away: there are no pages on it.
    """
    import dask  # noqa: PLC0415  # an extra
    from distributed import LocalCluster  # noqa: PLC0415  # an extra

    settings = {
        "temporary-directory": str(folder),
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    with dask.config.set(settings):
        return LocalCluster(
            **options,
            security=True,
            dashboard_address=None,
            # On the usual port of the pages, a second cluster of this machine warns.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        )


def _ray(config: PipelineConfig) -> TaskRunner[Any]:
    from prefect_ray import RayTaskRunner  # noqa: PLC0415  # an extra

    runner: TaskRunner[Any]
    if config.ray_address:
        runner = RayTaskRunner(address=config.ray_address)
    else:
        # Otherwise Ray listens to other machines.
        local = {
            "num_cpus": config.concurrency,
            "include_dashboard": False,
            "logging_level": logging.WARNING,
            "_node_ip_address": "127.0.0.1",
        }
        runner = RayTaskRunner(init_kwargs=local)
    return runner
