"""What a run on several hosts takes: a Prefect server, a Dask scheduler and workers, as long as a block."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from hosts import Host

_API, _SCHEDULER = 4200, 8786
_START = 120.0  # seconds: the first start of Prefect's server runs all of its migrations
_STOP = 5.0
_PROBE = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)
"""


class Cluster:
    """Programs on hosts, the first of which has the server, the scheduler and the commands.

    Args:
        hosts: of which each but the first gets workers.
        folder: for what they write.
    """

    def __init__(self, hosts: list[Host], folder: Path) -> None:
        self.hosts = hosts
        self.folder = folder
        self._stack = ExitStack()
        self._workers: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            hub = self.hosts[0]
            self._start(
                "server", hub, "-m", "prefect", "server", "start", "--host", hub.address, "--port", str(_API)
            )
            self._start(
                "scheduler",
                hub,
                *("-m", "distributed.cli.dask_scheduler", "--host", hub.address, "--port", str(_SCHEDULER)),
                "--no-dashboard",
            )
            for port in (_API, _SCHEDULER):
                _wait(lambda port=port: self._answers(port))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def scheduler(self) -> str:
        """The address of Dask's scheduler."""
        return f"tcp://{self.hosts[0].address}:{_SCHEDULER}"

    @property
    def variables(self) -> Mapping[str, str]:
        """What the environment of every program holds."""
        return {
            **os.environ,
            "PREFECT_API_URL": f"http://{self.hosts[0].address}:{_API}/api",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "DO_NOT_TRACK": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def add_worker(self, number: int) -> None:
        """Start a Dask worker of one thread on a host, and wait until the scheduler knows it."""
        host = self.hosts[number]
        self._workers[number] = self._start(
            f"worker-{number}",
            host,
            *("-m", "distributed.cli.dask_worker", self.scheduler, "--host", host.address),
            *("--nworkers", "1", "--nthreads", "1", "--no-dashboard"),
            *("--local-directory", str(self.folder / f"dask-{number}"), "--death-timeout", "60"),
        )
        _wait(lambda: len(self._workers) <= self._known())

    def kill_worker(self, number: int) -> None:
        """Kill all processes of a worker, as when its machine dies."""
        process = self._workers.pop(number)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def run(self, *words: str) -> subprocess.Popen[str]:
        """Start the command on the first host."""
        return subprocess.Popen(
            self.hosts[0].command(str(Path(sys.executable).with_name("pipeline")), *words),
            env=self.variables,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def _start(self, name: str, host: Host, *words: str) -> subprocess.Popen[bytes]:
        said = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            host.command(sys.executable, *words),
            env=self.variables,
            cwd=self.folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        self._stack.callback(_end, process)
        return process

    def _answers(self, port: int) -> bool:
        # Asked from within its namespace.
        words = self.hosts[0].command(sys.executable, "-c", _PROBE, self.hosts[0].address, str(port))
        return not subprocess.run(words, check=False, capture_output=True).returncode

    def _known(self) -> int:
        code = "import sys; from distributed import Client; print(len(Client(sys.argv[1]).nthreads()))"
        words = self.hosts[0].command(sys.executable, "-c", code, self.scheduler)
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        return int(done.stdout or 0)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the cluster did not start; its logs tell why")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP)
