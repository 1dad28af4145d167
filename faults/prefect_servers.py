"""Prefect servers, one for each worker, on a database that is already migrated."""

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from pipeline_orchestration import OrchestrationError
from pipeline_orchestration.engines.prefect.ephemeral_server import EphemeralServer

_ATTEMPTS = 3  # a busy machine may be too slow for the first start, which is no fault of the point


@cache
def get_migrated_home() -> Path:
    """Return a Prefect home to copy, with a migrated database; the migration takes 20 s, once."""
    place = Path(tempfile.mkdtemp(prefix="faults-homes-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)  # forked workers do not run this
    migrated = place / "migrated"
    migrated.mkdir()
    server = EphemeralServer()
    server.wait_for_url({"PREFECT_HOME": str(migrated), "PREFECT_SERVER_ANALYTICS_ENABLED": "0"})
    server.stop()
    return migrated


@cache
def get_server_home() -> Path:
    """Return the home of this worker's server."""
    return Path(shutil.copytree(get_migrated_home(), get_migrated_home().with_name(f"server-{os.getpid()}")))


@cache
def _get_server() -> EphemeralServer:
    return EphemeralServer()


def start_server() -> str:
    """Start this worker's server unless it runs, and return its API URL; it ends with the worker."""
    variables = {"PREFECT_HOME": str(get_server_home()), "PREFECT_SERVER_ANALYTICS_ENABLED": "0"}
    for _ in range(_ATTEMPTS - 1):
        with suppress(OrchestrationError):
            return _get_server().wait_for_url(variables)
    return _get_server().wait_for_url(variables)


def kill_server() -> None:
    """Kill this worker's server."""
    if (process := _get_server()._process) is not None:  # noqa: SLF001  # the public method stops it in an orderly way
        process.kill()
        process.wait()
