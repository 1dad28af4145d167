"""A Prefect server that runs while something is measured on it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

HOST = "127.0.0.1"
STARTS = 180  # seconds that a first start, with its migrations, may take
STOPS = 20  # seconds before a server that was asked to end is ended
PAUSE = 0.3


@contextmanager
def prefect_server(programs: Path, folder: Path) -> Iterator[str]:
    """Run a server with a home of its own for the block, and yield the URL of its API."""
    with closing(socket.create_server((HOST, 0))) as free:
        port = free.getsockname()[1]
    variables = {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "HOME": str(folder),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    log = folder / "server.log"
    command = [str(programs / "prefect"), "server", "start", "--host", HOST, "--port", str(port)]
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
    try:
        wait_for(process, port, log)
        yield f"http://{HOST}:{port}/api"
    finally:
        stop(process)


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when the server answers."""
    end = time.monotonic() + STARTS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError, HTTPException), closing(HTTPConnection(HOST, port, timeout=5)) as connection:
            connection.request("GET", "/api/health")
            if connection.getresponse().status == HTTPStatus.OK:
                return
        time.sleep(PAUSE)
    raise RuntimeError(f"no Prefect server within {STARTS} seconds:\n{log.read_text(encoding='utf-8')}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, then end what is left of its process group."""
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPS)
    finally:  # whoever is in a hurry sends a second signal
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
