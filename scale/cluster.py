"""What a run on several hosts takes, for a block: a database, Prefect's server, Dask's scheduler, workers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

from database import Database
from hosts import Host, connect

_API, _SCHEDULER = 4200, 8786
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
_START = 120.0  # seconds: the first start of Prefect's server runs all of its migrations
_STOP = 5.0
_TTL = "15s"  # of a worker that says nothing; as it comes, 5 minutes
_PROBE = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)
"""
_ASKED = """
import json, os, sys, psycopg
with psycopg.connect(os.environ["PIPELINE_DB_URL"]) as connection:
    found = [connection.execute(each) for each in sys.argv[1:]]
    print(json.dumps([each.fetchall() if each.description else [] for each in found]))
"""


class Cluster:
    """Programs on hosts, the first of which has the servers, the scheduler and the commands.

    Args:
        hosts: of which each but the first gets workers.
        database: on the first.
        folder: for what they write.
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
            # Nothing of a person's own.
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
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": _TTL,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def add_worker(self, number: int) -> None:
        """Start a Dask worker of one thread on a host, and wait until the scheduler knows it.

        Of the cores of this machine it has one, as if no more were in that host, and the next worker another.
        """
        host = self.hosts[number]
        connect(self.hosts[0], number, up=True)
        self._workers[number] = self._start(
            f"worker-{number}",
            host,
            *(sys.executable, "-m", "distributed.cli.dask_worker", self.scheduler, "--host", host.address),
            *("--nworkers", "1", "--nthreads", "1", "--no-dashboard"),
            *("--local-directory", str(self.folder / f"dask-{number}"), "--death-timeout", "60"),
            variables=self.database.variables,
            cores=_CORES[(number - 1) % len(_CORES) :][:1] if _CORES else [],
        )
        _wait(lambda: len(self._workers) <= self._known())

    def kill_worker(self, number: int, *, told: bool = True) -> None:
        """Kill all processes of a worker; others are told by its kernel, or, as without power, are not."""
        if not told:
            connect(self.hosts[0], number, up=False)
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

    def asked(self, *statements: str) -> list[list[list[object]]]:
        """Return the rows of statements, each asked of the database as the command would."""
        code = [sys.executable, "-c", _ASKED, *statements]
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
        said = self._stack.enter_context((self.folder / f"{name}.log").open("ab"))
        process = subprocess.Popen(
            host.command(*words),
            env={**self.variables, **variables},
            cwd=self.folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        self._stack.callback(_end, process, end)
        if cores:
            os.sched_setaffinity(process.pid, cores)  # and so all that it is going to start
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


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """End a program by a signal, or else by force, and all that it has started."""
    for sent in (number, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP)
