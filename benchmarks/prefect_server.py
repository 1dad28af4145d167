"""A Prefect server for measurements."""

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
START_TIMEOUT = 180  # seconds for the first start, which runs all migrations
STOP_TIMEOUT = 20  # seconds until a server that does not stop is killed
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
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for_server(process, port, log)
        yield f"http://{HOST}:{port}/api"
    finally:
        stop_server(process)


def wait_for_server(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError, HTTPException), closing(HTTPConnection(HOST, port, timeout=5)) as connection:
            connection.request("GET", "/api/health")
            if connection.getresponse().status == HTTPStatus.OK:
                return
        time.sleep(PAUSE)
    raise RuntimeError(
        f"the Prefect server did not start within {START_TIMEOUT} seconds:\n{log.read_text(encoding='utf-8')}"
    )


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """Stop the server, then kill what is left of its process group."""
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
    finally:  # also if a second signal interrupts the wait
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
