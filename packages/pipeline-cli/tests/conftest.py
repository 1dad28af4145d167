"""Fixtures of the command's tests: ways to run it, and a sample to run it on."""

import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline_cli.main import main
from pipeline_orchestration import testing

isolated_settings = testing.isolated_settings

SCRIPTS = sysconfig.get_path("scripts")


@dataclass(frozen=True)
class Done:
    """Exit code and output of a command; each duration in the output is replaced by ``#.###``."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> object:
        return json.loads(self.out)


def mask_durations(text: str) -> str:
    return re.sub(r"\b\d+\.\d{3}(?= s\b|  \S)", "#.###", text)


@pytest.fixture
def folder(isolated_settings: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds only a sample of three lines; the user's own settings are hidden."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    Path("sample.txt").write_text("hello world\nprefect pipeline\nend to end\n", encoding="utf-8")
    return isolated_settings


@contextmanager
def _default_signals() -> Iterator[None]:
    """Reset what a child would inherit, such as SIGINT being ignored in a background job."""
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@pytest.fixture
def default_signals() -> Callable[[], AbstractContextManager[None]]:
    """Reset what a child that is started in the block would inherit."""
    return _default_signals


@pytest.fixture
def pipeline(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Run the command in this process, from its `main` on; quick."""

    def run(*arguments: str | Path) -> Done:
        with monkeypatch.context() as patch, _default_signals():
            patch.setattr(sys, "argv", ["pipeline", *map(str, arguments)])
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(sys, "unraisablehook", sys.unraisablehook)
            patch.setattr(logging.root.manager, "disable", logging.NOTSET)
            patch.setattr(sys, "path", [*sys.path])
            patch.setattr(sys, "stdout", sys.stdout)
            patch.setenv("DO_NOT_TRACK", "1")
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        return Done(ended.value.code, mask_durations(printed.out), mask_durations(printed.err))

    return run


@pytest.fixture
def program(folder: Path) -> Callable[..., Done]:
    """Run the command as a program, for what needs a process of its own; takes half a second."""

    def run(*arguments: str, out: int = subprocess.PIPE, err: int = subprocess.PIPE) -> Done:
        with _default_signals():
            done = subprocess.run(["pipeline", *arguments], stdout=out, stderr=err, check=False)
        printed, errors = ((text or b"").decode() for text in (done.stdout, done.stderr))
        return Done(done.returncode, mask_durations(printed), mask_durations(errors))

    return run


@pytest.fixture
def shell(folder: Path) -> Callable[[str], Done]:
    """Run a line in bash, as a user types it; takes half a second."""

    def run(line: str) -> Done:
        with _default_signals():
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        return Done(done.returncode, mask_durations(done.stdout), mask_durations(done.stderr))

    return run


@pytest.fixture
def start_program(folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a program and wait until one of its jobs has made the file ``reached``."""
    with ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[bytes]:
            with _default_signals():
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            while not Path("reached").exists():
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            return process

        yield start


@pytest.fixture
def terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Run a program on a terminal; return its exit code and everything that the terminal received."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(*command: str, columns: int = 120) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
        with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
            os.close(theirs)
            received = b""
            with suppress(OSError):  # Linux raises it when the other end is closed
                while part := os.read(ours, 65536):
                    received += part
            os.close(ours)
        return process.returncode, received.decode()

    return run
