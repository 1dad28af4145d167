"""Temporary Prefect server that ends with this process, even if the process is killed.

Prefect stops its own one in `atexit`, which neither SIGKILL nor `os._exit` reaches.
This module does not import Prefect: the server starts while this process spends a second on that.
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

from pipeline_jobs.escaping import escape
from pipeline_jobs.storage.location import redact_urls
from pipeline_orchestration.exceptions import OrchestrationError

from . import ephemeral_server_main

_HOST = "127.0.0.1"
_START_TIMEOUT = 120.0  # seconds: the first start of a server runs all of its migrations, in more than 20 s
_STOP_TIMEOUT = 2.0  # seconds; the whole cleanup after a run is to end within five

_LAST_LINE_OF_TRACEBACK = re.compile(r"^[\w.]+(?:Error|Exception)\b.*", re.MULTILINE)

SERVER_PASSWORD = secrets.token_urlsafe()
"""Password of the server of this process."""

SERVER_VARIABLES = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    # Everybody on this machine can connect to its port, but only its owner can read its environment.
    "PREFECT_API_AUTH_STRING": SERVER_PASSWORD,
    "PREFECT_SERVER_API_AUTH_STRING": SERVER_PASSWORD,
}
"""Environment variables of the server, besides those of this process."""

_log = logging.getLogger(__name__)


class EphemeralServer:
    """Server that is started on first use and kept until the process ends; threads may share it.

    A forked child process does not use the server of its parent.
    """

    def __init__(self) -> None:
        self.reads_files = True
        """Whether Prefect reads the settings files of the current folder in the server too."""
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        # Prefect sends its last logs and events when `threading` ends, which is before `atexit`.
        atexit.register(self.stop)

    def _reset(self) -> None:
        """Forget the server, and close the pipe, which would keep it alive in a forked child."""
        if process := getattr(self, "_process", None):
            process.stdin.close()
            process.returncode = 0  # the parent waits for it
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None  # what it has printed, until it answers
        self._port = 0

    @property
    def has_begun(self) -> bool:
        """True while the server starts or runs, and after a failed start until somebody asks for its URL."""
        return self._output is not None or (self._process is not None and self._process.poll() is None)

    def begin(self, variables: Mapping[str, str]) -> None:
        """Start the server unless it has begun, without waiting until it answers.

        Args:
            variables: environment variables of the server, besides those of this process.
        """
        with self._lock:
            if not self.has_begun:
                self._start(variables)

    def wait_for_url(self, variables: Mapping[str, str] = MappingProxyType({})) -> str:
        """Return the URL of its API once it answers; start the server unless it has begun.

        Args:
            variables: as for `begin`.

        Raises:
            OrchestrationError: ``orchestration.failed``: it could not be started.
        """
        with self._lock:
            if not self.has_begun:
                self._start(variables)
            if self._output is not None:
                self._wait_until_healthy(self._output)
            return f"http://{_HOST}:{self._port}/api"

    def stop(self) -> None:
        """End the server, or kill it if it does not end in time."""
        with self._lock:
            self._stop()

    def _start(self, variables: Mapping[str, str]) -> None:
        self._stop()
        output = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it answers, or fails to start
        # The socket listens from here on: no other program gets the port, and whoever connects waits.
        with create_server((_HOST, 0)) as listening:
            self._port = listening.getsockname()[1]
            self._process, self._output = (
                _start_process(listening, variables, output, reads_files=self.reads_files),
                output,
            )

    def _wait_until_healthy(self, output: IO[bytes]) -> None:
        with ExitStack() as stack:
            stack.callback(self._stop)
            if not _answers(self._port):
                self._end_process()
                text = f"the temporary Prefect server did not start{_find_reason(output)}"
                hint = "correct this, or use --engine local"
                raise OrchestrationError("orchestration.failed", f"{text}; {hint}")
            _log.info("started a temporary Prefect server on http://%s:%d", _HOST, self._port)
            stack.pop_all()
        output.close()
        self._output = None

    def _stop(self) -> None:
        self._end_process()
        if self._output is not None:
            self._output.close()
        self._output = None

    def _end_process(self) -> None:
        if self._process is not None:
            _terminate(self._process)
        self._process = None


def _start_process(
    listening: socket, variables: Mapping[str, str], output: IO[bytes], *, reads_files: bool
) -> subprocess.Popen[bytes]:
    home = os.environ.get("PREFECT_HOME")
    # -P: do not import from the folder of the script, nor from the current one.
    return subprocess.Popen(  # noqa: S603  # a script of ours
        [sys.executable, "-P", str(Path(ephemeral_server_main.__file__)), str(listening.fileno())],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        pass_fds=[listening.fileno()],
        # Ctrl-C is not for the server: this process still reports to it.
        process_group=0,
        cwd=None if reads_files else "/",  # where only root can put a file
        env={
            **os.environ,
            "DO_NOT_TRACK": "1",
            # As Prefect configures its own temporary server.
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            **variables,
            **({"PREFECT_HOME": str(Path(home).absolute())} if home else {}),  # it may be relative
        },
    )


def _answers(port: int) -> bool:
    """Wait until a starting server answers; return False if it ends before that, or takes too long."""
    # httpx would go through a proxy that the environment names.
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415  # 30 ms, while the server starts

    connection = HTTPConnection(_HOST, port, timeout=_START_TIMEOUT)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == 200  # noqa: PLR2004  # HTTP's OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _terminate(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        assert process.stdin is not None  # noqa: S101  # `_start_process` asks for a pipe
        process.stdin.close()


def _find_reason(output: IO[bytes]) -> str:
    """Return the last error that a server printed, if any."""
    output.seek(0)
    errors = _LAST_LINE_OF_TRACEBACK.findall(output.read().decode(errors="backslashreplace"))
    return f": {escape(redact_urls(errors[-1]))}" if errors else ""


shared_server = EphemeralServer()
"""The server of all runs of this process, as it takes seconds to start."""
