"""What these tests share: the command as a person has it, in a folder of its own, and a Prefect server."""

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import sysconfig

import pytest

from pipeline_cli.main import main
from pipeline_orchestration import testing

isolated_settings = testing.isolated_settings
prefect_server = testing.prefect_server

SCRIPTS = sysconfig.get_path("scripts")


@pytest.fixture
def folder(isolated_settings, monkeypatch):
    """The current folder, empty, with no setting of the person's own."""
    monkeypatch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "80")
    return isolated_settings


@pytest.fixture
def pipeline(folder):
    """Runs the command as a process of its own, and returns what it printed and its exit code."""

    def run(*words):
        return subprocess.run(["pipeline", *words], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(params=["local", "prefect"])
def engine(request, folder, monkeypatch):
    """Each engine in turn; for Prefect, the environment names a real server."""
    if request.param == "prefect":
        monkeypatch.setenv("PREFECT_API_URL", request.getfixturevalue("prefect_server"))
    return request.param


@pytest.fixture
def document(folder, monkeypatch, capsys):
    """Runs the command in this process, quick enough for tables; returns its exit code and its document."""

    def run(*words):
        numbers = (signal.SIGHUP, signal.SIGTERM)
        handlers = [signal.getsignal(number) for number in numbers]
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:  # noqa: PT012
            patch.setattr(sys, "argv", ["pipeline", *words])
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(logging.root.manager, "disable", logging.NOTSET)
            main()
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
        return ended.value.code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def everything(folder):
    """Takes stock of the folder: the mode of everything in it, and the bytes of what is a file."""

    def stock():
        found = {path: path.lstat().st_mode for path in folder.rglob("*")}
        return {
            path: (mode, path.read_bytes() if stat.S_ISREG(mode) else None) for path, mode in found.items()
        }

    return stock
