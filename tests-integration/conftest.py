"""What these tests share: the command as a person has it, in a folder of its own, and a Prefect server."""

import json
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pipeline_cli.main import main
from pipeline_jobs import compression, handwritten, reading, strict_json
from pipeline_orchestration import testing

isolated_settings = testing.isolated_settings
prefect_server = testing.prefect_server

SCRIPTS = sysconfig.get_path("scripts")
MEMORY = Path("/dev/shm")  # faster, where there is one

# The laws share the examples of a profile between them; those of the short one are the same each time.
_LAWS = {"deadline": None, "print_blob": True, "suppress_health_check": list(HealthCheck)}
settings.register_profile("laws", max_examples=2000, derandomize=True, database=None, **_LAWS)
settings.register_profile("long", max_examples=int(os.environ.get("LAW_EXAMPLES", "200000")), **_LAWS)

# What the laws are compared with is that of the fuzzing, in a folder of scripts.
sys.path.append(str(Path(__file__).parents[1] / "faults"))
sys.path.append(str(Path(__file__).parent))  # for the servers that some of them start


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
            patch.setattr(sys, "unraisablehook", sys.unraisablehook)
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


@pytest.fixture(scope="session")
def place():
    """Lends a new folder for the block."""

    @contextmanager
    def lent():
        folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)).resolve()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    return lent


@pytest.fixture(scope="session")
def pieces_of():
    """Files are read in blocks of so many bytes, records come in chunks of so many: every border occurs."""

    @contextmanager
    def small(block, chunk=handwritten.CHUNK):
        with pytest.MonkeyPatch.context() as patch:
            for module in (compression, reading, strict_json):
                patch.setattr(module, "BLOCK", block)
            for module in (handwritten, reading):
                patch.setattr(module, "CHUNK", chunk)
            yield

    return small
