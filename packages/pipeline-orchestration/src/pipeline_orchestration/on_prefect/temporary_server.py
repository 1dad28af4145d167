"""A temporary Prefect server that cannot outlive this process, not even where it is killed.

Prefect's own one is stopped by `atexit`, which neither SIGKILL nor `os._exit` comes to.
"""

import atexit
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import create_server, socket
from threading import Lock
from typing import IO

from pipeline_jobs import shown
from pipeline_orchestration.errors import OrchestrationError

from . import server_process

_HOST = "127.0.0.1"
_START = 120.0  # seconds: the first start of a server runs all of its migrations, which takes more than 20
_STOP = 2.0  # seconds; all that cleans up after a run is to end within five

# As a traceback ends.
_ERROR = re.compile(r"^[\w.]+(?:Error|Exception)\b.*", re.MULTILINE)

_log = logging.getLogger(__name__)


class TemporaryServer:
    """A server that is started when it is first asked for, and kept as long as the process lasts.

    Threads may share it. A child that is forked has none: the server is that of its parent.
    """

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)
        # After what Prefect has still to send, which it does before: `threading` ends before `atexit`.
        atexit.register(self.stop)

    def _forget(self) -> None:
        """Know of no server; without the pipe, which in a forked child would keep it alive."""
        if process := getattr(self, "_process", None):
            process.stdin.close()
            process.returncode = 0  # it is not this process's to wait for
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def url(self, variables: Mapping[str, str]) -> str:
        """Return the URL of its API, which answers; start it unless it runs.

        Args:
            variables: what its environment holds beside that of this process.

        Raises:
            OrchestrationError: ``orchestration.failed``: it could not be started.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start(variables)
            return self._url

    def stop(self) -> None:
        """End the server; it is killed if it does not end by itself in time."""
        with self._lock:
            if self._process is not None:
                _end(self._process)
            self._process = None

    def _start(self, variables: Mapping[str, str]) -> None:
        # From here on it listens, so that no other program takes the port, and whoever connects waits.
        with tempfile.TemporaryFile() as said, create_server((_HOST, 0)) as listening, ExitStack() as stack:
            port = listening.getsockname()[1]
            process = _started(listening, variables, said)
            stack.callback(_end, process)
            listening.close()
            if not _healthy(port):
                _end(process)
                text = f"the temporary Prefect server did not start{_reason(said)}"
                raise OrchestrationError("orchestration.failed", f"{text}; see to it, or use --engine local")
            self._process, self._url = process, f"http://{_HOST}:{port}/api"
            _log.info("started a temporary Prefect server on http://%s:%d", _HOST, port)
            stack.pop_all()


def _started(listening: socket, variables: Mapping[str, str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    # -P: what it imports is not looked for in the folder of the script, nor in the current one.
    return subprocess.Popen(  # noqa: S603  # a script of ours
        [sys.executable, "-P", str(Path(server_process.__file__)), str(listening.fileno())],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        pass_fds=[listening.fileno()],
        # Ctrl-C ends this process, which has something to tell the server still.
        process_group=0,
        env={
            **os.environ,
            "DO_NOT_TRACK": "1",
            # As Prefect sets up its own.
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            **variables,
        },
    )


def _healthy(port: int) -> bool:
    """Wait until a server that starts answers; return False if it ends before, or never does."""
    # Not httpx, which would go through a proxy that the environment names.
    connection = HTTPConnection(_HOST, port, timeout=_START)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == 200  # noqa: PLR2004  # as every program knows it
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        assert process.stdin is not None  # noqa: S101  # asked for
        process.stdin.close()


def _reason(said: IO[bytes]) -> str:
    """Return the last error that a server told of, if any."""
    said.seek(0)
    errors = _ERROR.findall(said.read().decode(errors="backslashreplace"))
    return f": {shown(errors[-1])}" if errors else ""
