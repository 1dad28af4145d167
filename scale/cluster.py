"""Programs for a run on several hosts: database, Prefect server, Dask scheduler and workers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Self

from database import Database
from hosts import Host, set_connected

_API, _SCHEDULER = 4200, 8786
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
_START = 120.0  # seconds: the first start of Prefect's server runs all migrations
_STOP = 5.0
_WORKER_TTL = "15s"  # after which a silent worker counts as lost; Dask's default is 5 minutes
_PROBE_SCRIPT = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)
"""
_QUERY_SCRIPT = """
import json, os, sys, psycopg
with psycopg.connect(os.environ["PIPELINE_DB_URL"]) as connection:
    found = [connection.execute(each) for each in sys.argv[1:]]
    print(json.dumps([each.fetchall() if each.description else [] for each in found]))
"""


class Cluster:
    """Programs on hosts: the first host has the servers, the scheduler and the commands.

    Args:
        hosts: the hosts; each except the first can get a worker.
        database: database server on the first host.
        folder: folder for their output.
    """

    def __init__(self, hosts: list[Host], database: Database, folder: Path) -> None:
        self.hosts = hosts
        self.database = database
        self.folder = folder
        self._stack = ExitStack()
        self._workers: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            hub = self.hosts[0]
            self._start("database", hub, *self.database.words, end=signal.SIGINT)
            self._start(
                "server",
                hub,
                *(sys.executable, "-m", "prefect", "server", "start"),
                *("--host", hub.address, "--port", str(_API)),
            )
            self._start(
                "scheduler",
                hub,
                *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"),
                *("--host", hub.address, "--port", str(_SCHEDULER)),
            )
            for port in (self.database.port, _API, _SCHEDULER):
                _wait_until(partial(self._answers, port))
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
        """Environment variables of every program."""
        return {
            # None of the user's own settings.
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PIPELINE_", "PREFECT_"))
            },
            "PREFECT_API_URL": f"http://{self.hosts[0].address}:{_API}/api",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "DO_NOT_TRACK": "1",
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": _WORKER_TTL,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def add_worker(self, number: int) -> None:
        """Start a Dask worker of one thread on a host, and wait until the scheduler knows it.

        It is bound to one core of this machine, as if its host had no other; the next worker gets another.
        """
        host = self.hosts[number]
        set_connected(self.hosts[0], number, up=True)
        self._workers[number] = self._start(
            f"worker-{number}",
            host,
            *(sys.executable, "-m", "distributed.cli.dask_worker", self.scheduler, "--host", host.address),
            *("--nworkers", "1", "--nthreads", "1", "--no-dashboard"),
            *("--local-directory", str(self.folder / f"dask-{number}"), "--death-timeout", "60"),
            variables=self.database.variables,
            cores=_CORES[(number - 1) % len(_CORES) :][:1] if _CORES else [],
        )
        _wait_until(lambda: len(self._workers) <= self._count_workers())

    def kill_worker(self, number: int, *, notified: bool = True) -> None:
        """Kill a worker's processes; unless `notified`, disconnect its host first, as in a power failure."""
        if not notified:
            set_connected(self.hosts[0], number, up=False)
        process = self._workers.pop(number)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def run(self, *words: str) -> subprocess.Popen[str]:
        """Start the command on the first host."""
        return subprocess.Popen(
            self.hosts[0].command(str(Path(sys.executable).with_name("pipeline")), *words),
            env={**self.variables, **self.database.variables},
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def query(self, *statements: str) -> list[list[list[object]]]:
        """Run statements on the database, connected as the command is, and return their rows."""
        code = [sys.executable, "-c", _QUERY_SCRIPT, *statements]
        env = {**self.variables, **self.database.variables}
        done = subprocess.run(self.hosts[0].command(*code), check=True, env=env, stdout=subprocess.PIPE)
        rows: list[list[list[object]]] = json.loads(done.stdout)
        return rows

    def _start(
        self,
        name: str,
        host: Host,
        *words: str,
        end: int = signal.SIGTERM,
        variables: Mapping[str, str] = MappingProxyType({}),
        cores: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self.folder / f"{name}.log").open("ab"))
        process = subprocess.Popen(
            host.command(*words),
            env={**self.variables, **variables},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._stack.callback(_end_program, process, end)
        if cores:
            os.sched_setaffinity(process.pid, cores)  # inherited by all processes that it starts
        return process

    def _answers(self, port: int) -> bool:
        # Connect from within its namespace.
        words = self.hosts[0].command(sys.executable, "-c", _PROBE_SCRIPT, self.hosts[0].address, str(port))
        return not subprocess.run(words, check=False, capture_output=True).returncode

    def _count_workers(self) -> int:
        code = "import sys; from distributed import Client; print(len(Client(sys.argv[1]).nthreads()))"
        words = self.hosts[0].command(sys.executable, "-c", code, self.scheduler)
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        return int(done.stdout or 0)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _START
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the cluster did not start; see its logs")
        time.sleep(0.2)


def _end_program(process: subprocess.Popen[bytes], number: int) -> None:
    """Stop a program and its children by a signal, then kill what is left."""
    for sent in (number, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP)
