"""A temporary Prefect server that cannot outlive this process, not even where it is killed.

Prefect's own one is stopped by `atexit`, which neither SIGKILL nor `os._exit` comes to.
Nothing here imports Prefect: the server can begin to start before this process spends a second on that.
"""

import atexit
import logging
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from socket import create_server, socket
from threading import Lock
from types import MappingProxyType
from typing import IO

from pipeline_jobs import shown
from pipeline_orchestration.errors import OrchestrationError

from . import server_process

_HOST = "127.0.0.1"
_START = 120.0  # seconds: the first start of a server runs all of its migrations, which takes more than 20
_STOP = 2.0  # seconds; all that cleans up after a run is to end within five

# As a traceback ends.
_ERROR = re.compile(r"^[\w.]+(?:Error|Exception)\b.*", re.MULTILINE)

PASSWORD = secrets.token_urlsafe()
"""What the server of this process asks for."""

VARIABLES = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    # Its environment is its owner's to read, its port everybody's on this machine.
    "PREFECT_API_AUTH_STRING": PASSWORD,
    "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
}
"""What its environment holds beside that of this process."""

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
        self._said: IO[bytes] | None = None  # until it answers
        self._port = 0

    @property
    def begun(self) -> bool:
        """Whether the server runs, or starts, or has failed to since it was last asked for."""
        return self._said is not None or self._runs()

    def begin(self, variables: Mapping[str, str]) -> None:
        """Start the server unless it is begun, and do not wait until it answers.

        Args:
            variables: what its environment holds beside that of this process.
        """
        with self._lock:
            if not self.begun:
                self._begin(variables)

    def url(self, variables: Mapping[str, str] = MappingProxyType({})) -> str:
        """Return the URL of its API, which answers; start it unless it is begun.

        Args:
            variables: as for `begin`.

        Raises:
            OrchestrationError: ``orchestration.failed``: it could not be started.
        """
        with self._lock:
            if not self.begun:
                self._begin(variables)
            if self._said is not None:
                self._wait(self._said)
            return f"http://{_HOST}:{self._port}/api"

    def stop(self) -> None:
        """End the server; it is killed if it does not end by itself in time."""
        with self._lock:
            self._end()

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _begin(self, variables: Mapping[str, str]) -> None:
        self._end()
        said = tempfile.TemporaryFile()  # noqa: SIM115  # read if it does not answer
        # From here on it listens, so that no other program takes the port, and whoever connects waits.
        with create_server((_HOST, 0)) as listening:
            self._port = listening.getsockname()[1]
            self._process, self._said = _started(listening, variables, said), said

    def _wait(self, said: IO[bytes]) -> None:
        with ExitStack() as stack:
            stack.callback(self._end)
            if not _healthy(self._port):
                self._stop_process()
                text = f"the temporary Prefect server did not start{_reason(said)}"
                raise OrchestrationError("orchestration.failed", f"{text}; see to it, or use --engine local")
            _log.info("started a temporary Prefect server on http://%s:%d", _HOST, self._port)
            stack.pop_all()
        said.close()
        self._said = None

    def _end(self) -> None:
        self._stop_process()
        if self._said is not None:
            self._said.close()
        self._said = None

    def _stop_process(self) -> None:
        if self._process is not None:
            _end(self._process)
        self._process = None


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
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415  # 30 ms; it starts meanwhile

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


temporary_server = TemporaryServer()
"""One for all runs of this process: it takes seconds to start."""
