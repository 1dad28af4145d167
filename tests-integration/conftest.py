"""Fixtures: the command as a user has it, each test in an empty folder, and a Prefect server."""

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

from pipeline_cli import streams
from pipeline_cli.main import main
from pipeline_jobs.documents import handwritten, pieces, strict_json
from pipeline_jobs.storage import content
from pipeline_orchestration import testing

isolated_settings = testing.isolated_settings
prefect_server = testing.prefect_server

SCRIPTS = sysconfig.get_path("scripts")
MEMORY = Path("/dev/shm")  # a file system in memory is faster, where there is one

# The laws share the examples of a profile between them; the short profile tries the same ones each time.
_LAWS = {"deadline": None, "print_blob": True, "suppress_health_check": list(HealthCheck)}
settings.register_profile("laws", max_examples=2000, derandomize=True, database=None, **_LAWS)
settings.register_profile("long", max_examples=int(os.environ.get("LAW_EXAMPLES", "200000")), **_LAWS)

# The laws use the model of the fuzzing, which is in this folder of scripts.
sys.path.append(str(Path(__file__).parents[1] / "faults"))
sys.path.append(str(Path(__file__).parent))  # for the modules that start servers

from ways import WAYS  # noqa: E402  # in the folder that was added above


@pytest.fixture
def folder(isolated_settings, monkeypatch):
    """The current folder: empty, and without any setting of the user."""
    monkeypatch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "80")
    return isolated_settings


@pytest.fixture
def pipeline(folder):
    """A function that runs the command as a process, and returns its output and exit code."""

    def run(*words):
        return subprocess.run(["pipeline", *words], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(params=["local", "prefect"])
def engine(request, folder, monkeypatch):
    """Each engine in turn; for Prefect, the environment variable names a real server."""
    if request.param == "prefect":
        monkeypatch.setenv("PREFECT_API_URL", request.getfixturevalue("prefect_server"))
    return request.param


@pytest.fixture(params=WAYS)
def way(request, folder, monkeypatch):
    """Each way to run several inputs, one after the other; its name."""
    if "dask" in request.param:
        pytest.importorskip("prefect_dask")
    if "prefect" in request.param:
        request.getfixturevalue("prefect_server")
    if "ray" not in request.param:
        yield request.param
        return
    pytest.importorskip("prefect_ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send usage statistics
    # The path is short: Ray's sockets lie below it.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as temporary:
        monkeypatch.setenv("RAY_TMPDIR", temporary)
        yield request.param


@pytest.fixture
def read_ray_logs(way):
    """A function that returns what workers of Ray have printed.

    The terminal shows it later, and perhaps not the end of it.
    """

    def read():
        if "ray" not in way:
            return ""
        logs = Path(os.environ["RAY_TMPDIR"]).glob("ray/session_2*/logs/worker-*")
        return "".join(path.read_text() for path in logs)

    return read


@pytest.fixture
def run_json(folder, monkeypatch, capsys):
    """A function that runs the command in this process, which is quick; it returns code and document."""

    def run(*words):
        numbers = (signal.SIGHUP, signal.SIGTERM)
        handlers = [signal.getsignal(number) for number in numbers]
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:  # noqa: PT012
            patch.setattr(sys, "argv", ["pipeline", *words])
            patch.setattr(sys, "excepthook", sys.excepthook)
            patch.setattr(sys, "unraisablehook", sys.unraisablehook)
            patch.setattr(sys, "stdout", sys.stdout)
            patch.setattr(logging.root.manager, "disable", logging.NOTSET)
            patch.setattr(streams, "_state", streams._State())
            main()
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
        return ended.value.code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def snapshot(folder):
    """A function that returns the mode of everything in the folder, and the bytes of each file."""

    def take():
        found = {path: path.lstat().st_mode for path in folder.rglob("*")}
        return {
            path: (mode, path.read_bytes() if stat.S_ISREG(mode) else None) for path, mode in found.items()
        }

    return take


@pytest.fixture(scope="session")
def temporary_folder():
    """A context manager that makes a folder and removes it afterwards."""

    @contextmanager
    def make():
        folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)).resolve()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    return make


@pytest.fixture(scope="session")
def small_blocks():
    """Sets the size of blocks in bytes and of chunks in records, so that every border occurs."""

    @contextmanager
    def patch_sizes(block, chunk=handwritten.CHUNK):
        with pytest.MonkeyPatch.context() as patch:
            for module in (content, pieces, strict_json):
                patch.setattr(module, "BLOCK", block)
            patch.setattr(handwritten, "CHUNK", chunk)
            yield

    return patch_sizes
