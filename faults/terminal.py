"""The command in a pseudo-terminal or with pipes, and what it wrote, as bytes."""

import os
import pty
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from select import select

_PATIENCE = 120.0  # seconds


def written(
    command: Sequence[str | bytes], folder: Path, environment: Mapping[str, str], *, terminal: bool
) -> tuple[int, bytes]:
    """Run a command to its end, and return its exit code and all that it wrote.

    Raises:
        TimeoutError: it hangs; it is killed then.
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
    deadline = time.monotonic() + _PATIENCE
    text = b""
    # A terminal whose other side is closed fails to be read.
    with suppress(OSError):
        while True:
            if not select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"hung for {_PATIENCE:g} s after writing {text[-2000:]!r}")
            if not (more := os.read(descriptor, 65536)):
                break
            text += more
    return text
