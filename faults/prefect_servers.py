"""Prefect servers for points: one for each worker, on a database that is migrated already."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from pipeline_orchestration.on_prefect.temporary_server import TemporaryServer


@cache
def home() -> Path:
    """Return a home of Prefect's whose database is migrated, which takes 20 s, to be copied."""
    place = Path(tempfile.mkdtemp(prefix="faults-homes-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)  # which the forked workers do not come to
    made = place / "migrated"
    made.mkdir()
    server = TemporaryServer()
    server.url({"PREFECT_HOME": str(made), "PREFECT_SERVER_ANALYTICS_ENABLED": "0"})
    server.stop()
    return made


@cache
def server_home() -> Path:
    """Return the home of the server of this worker."""
    return Path(shutil.copytree(home(), home().with_name(f"server-{os.getpid()}")))


@cache
def _server() -> TemporaryServer:
    return TemporaryServer()


def server_url() -> str:
    """Return the URL of the API of this worker's server, started unless it runs; it ends with the worker."""
    variables = {"PREFECT_HOME": str(server_home()), "PREFECT_SERVER_ANALYTICS_ENABLED": "0"}
    return _server().url(variables)


def kill_server() -> None:
    """Kill the server of this worker."""
    if (process := _server()._process) is not None:  # noqa: SLF001  # a server of ours is stopped, never killed
        process.kill()
        process.wait()
