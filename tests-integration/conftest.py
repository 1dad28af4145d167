"""What these tests share: the command as a person has it, in a folder of its own, and a Prefect server."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from pipeline_orchestration import testing

isolated_settings = testing.isolated_settings
prefect_server = testing.prefect_server

SCRIPTS = sysconfig.get_path("scripts")
ROOT = Path(__file__).parents[1]


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
def engine(request, monkeypatch):
    """Each engine in turn; for Prefect, the environment names a real server."""
    if request.param == "prefect":
        monkeypatch.setenv("PREFECT_API_URL", request.getfixturevalue("prefect_server"))
    return request.param
