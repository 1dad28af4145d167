"""A Prefect server with its UI on a free local port, and commands that use it."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

_TIMEOUT = 180  # seconds: the first start runs all migrations


@dataclass(frozen=True)
class Server:
    """A running server, and a folder for commands that use it.

    Args:
        url: URL of its UI.
        folder: current folder of the commands.
        environment: environment variables of the commands.
    """

    url: str
    folder: Path
    environment: dict[str, str]

    def run(self, *words: str) -> int:
        """Run a command, show what it prints, and return its exit code."""
        print("$", *words, flush=True)
        return subprocess.run(words, cwd=self.folder, env=self.environment, check=False).returncode


@contextmanager
def run_server(place: Path) -> Iterator[Server]:
    """Run a server for the block, with its database in a folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    folder = place / "work"
    folder.mkdir()
    environment = _build_environment(place, url)
    # The server uses its own API, whatever the environment says.
    server_environment = {name: value for name, value in environment.items() if name != "PREFECT_API_URL"}
    words = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (place / "server.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=place, env=server_environment, stdout=log, stderr=log)
    try:
        _wait_until_ready(process, port)
        yield Server(url, folder, environment)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find_objects(url: str, what: str, body: object) -> list[dict[str, str]]:
    """Return the objects that a filter of the API finds, such as flow runs.

    Args:
        url: URL of the UI.
        what: their kind, as the API names it.
        body: the filter.
    """
    request = Request(
        f"{url}/api/{what}/filter", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=30) as answer:
        found: list[dict[str, str]] = json.load(answer)
    return found


def _build_environment(place: Path, url: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PIPELINE_"))
    }
    return kept | {
        "COLUMNS": "100",
        "DO_NOT_TRACK": "1",
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_HOME": str(place / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_UI_API_URL": f"{url}/api",
    }


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"the server ended with exit code {process.returncode}; see server.log")
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/api/health")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.3)
    sys.exit(f"the server did not start within {_TIMEOUT} s")
