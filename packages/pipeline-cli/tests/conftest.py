"""What the tests of the command share: how it is run, and a sample to run it on."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline_cli.main import main
from pipeline_orchestration import testing

isolated_settings = testing.isolated_settings

SCRIPTS = sysconfig.get_path("scripts")


@dataclass(frozen=True)
class Done:
    """What a command came to; each duration in its output is made ``#.###``, as wide as it was."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> object:
        return json.loads(self.out)


def timeless(text: str) -> str:
    return re.sub(r"\b\d+\.\d{3}(?= s\b|  \S)", "#.###", text)


@pytest.fixture
def folder(isolated_settings: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty but for a sample of three lines, with no setting of the person's own."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    Path("sample.txt").write_text("hello world\nprefect pipeline\nend to end\n", encoding="utf-8")
    return isolated_settings


@contextmanager
def default_signals() -> Iterator[None]:
    """Undo what a child would inherit, such as a SIGINT ignored because the tests run in the background."""
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@pytest.fixture
def pipeline(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the command in this process, from its entry point on: quick, for what it prints and returns."""

    def run(*arguments: str | Path) -> Done:
        with monkeypatch.context() as patch, default_signals():
            patch.setattr(sys, "argv", ["pipeline", *map(str, arguments)])
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(sys, "unraisablehook", sys.unraisablehook)
            patch.setattr(logging.root.manager, "disable", logging.NOTSET)
            patch.setattr(sys, "path", [*sys.path])
            patch.setenv("DO_NOT_TRACK", "1")
            with pytest.raises(SystemExit) as ended:
                main()
        printed = capsys.readouterr()
        return Done(ended.value.code, timeless(printed.out), timeless(printed.err))

    return run


@pytest.fixture
def program(folder: Path) -> Callable[..., Done]:
    """Runs the command as a program: for what only a process of its own can show."""

    def run(*arguments: str, out: int = subprocess.PIPE, err: int = subprocess.PIPE) -> Done:
        with default_signals():
            done = subprocess.run(["pipeline", *arguments], stdout=out, stderr=err, check=False)
        printed, said = ((text or b"").decode() for text in (done.stdout, done.stderr))
        return Done(done.returncode, timeless(printed), timeless(said))

    return run


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the command as a program and waits until a job of it has made the file ``reached``."""
    with ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[bytes]:
            with default_signals():
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            while not Path("reached").exists():
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            return process

        yield start
