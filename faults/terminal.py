"""Run a command in a pseudo-terminal or with a pipe, and capture its output as bytes."""

import os
import pty
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from select import select

_TIMEOUT = 300.0  # seconds; under strace, a run on Prefect takes half a minute, and more on a busy machine


def run_and_capture(
    command: Sequence[str | bytes], folder: Path, environment: Mapping[str, str], *, terminal: bool
) -> tuple[int, bytes]:
    """Run a command, and return its exit code and all of its output.

    Raises:
        TimeoutError: the command hangs; it has been killed.
    """
    if terminal:
        ours, theirs = pty.openpty()
    else:
        ours, theirs = os.pipe()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=theirs if terminal else subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            text = _read(ours)
        finally:
            os.close(ours)
            process.kill()
    return process.returncode, text


def _read(descriptor: int) -> bytes:
    deadline = time.monotonic() + _TIMEOUT
    text = b""
    while select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
        try:
            more = os.read(descriptor, 65536)
        except OSError:  # reading a terminal fails once its other side is closed
            return text
        if not more:
            return text
        text += more
    raise TimeoutError(f"hung for {_TIMEOUT:g} s after writing {text[-2000:]!r}")
