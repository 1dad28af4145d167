"""Processes that we start import nothing from the current folder; those of jobs have the usual path."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from pipeline_orchestration import PipelineDefinition, RunResult
from pipeline_orchestration.execution.import_path import (
    leave_safe_path,
    start_with_safe_path,
    start_with_usual_path,
)
from pipeline_orchestration.hooks import call_hooks

SHADOW = """
import sys
with open("shadows", "a") as file:
    file.write(f"{__name__} in {sys.orig_argv[1:4]} ")
raise ImportError(f"a shadow of {__name__}")
"""

OWN = """
import subprocess, sys
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Usual(BaseJob[str, str]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        code = "import sys; print(sys.path[0] == '')"
        # In a folder without shadows: with this path, Python 3.13 would import some of them itself.
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/").stdout

pipeline = PipelineDefinition("own").add_job("usual", lambda _: Usual())
"""

RUN = """
from pipeline_orchestration import PipelineRunner
from own import pipeline

runner = PipelineRunner(pipeline=pipeline, engine="local", concurrency=2, log_level="OFF")
print([(result.output, result.error) for result in runner.run_many(["one", "two"])])
"""

SERVER = """
import sys
from pipeline_orchestration.engines.prefect import ephemeral_server_main

ephemeral_server_main._keep_out_current_folder()
sys.path[:0] = ["", "."]
for name in ("here", "there"):
    try:
        __import__(name)
        print("imported", name)
    except ImportError:
        print("missing", name)
"""


@pytest.fixture
def elsewhere(tmp_path, folder):
    """A folder beside the current one."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    return place


@pytest.fixture
def variable(monkeypatch):
    """The name of Python's variable, which is not set."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return "PYTHONSAFEPATH"


def run_script(folder, code):
    """Run a script in a folder, whose modules it can import, as Python does by default."""
    (folder / "script.py").write_text(code)
    done = subprocess.run([sys.executable, folder / "script.py"], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_workers_and_what_they_need_import_no_module_of_the_current_folder(folder, elsewhere, variable):
    """The libraries start them, and processes that clean up after them, by `python -m` and `python -c`."""
    for name in sys.stdlib_module_names | packages_distributions().keys():
        (folder / f"{name}.py").write_text(SHADOW)
    (elsewhere / "own.py").write_text(OWN)

    out = run_script(elsewhere, RUN)

    assert not (folder / "shadows").exists(), (folder / "shadows").read_text()
    assert f"{[('True\n', None), ('True\n', None)]}\n" == out


def test_the_temporary_server_imports_no_module_of_the_current_folder(folder, elsewhere, variable):
    """The migrations of Prefect's database put `.` in front of the path."""
    (folder / "here.py").touch()
    (elsewhere / "there.py").touch()

    assert "missing here\nimported there\n" == run_script(elsewhere, SERVER)


@pytest.mark.parametrize("value", [None, "1"])
def test_the_path_of_new_processes_is_restored(monkeypatch, variable, value):
    """What the user has chosen stays."""
    if value:
        monkeypatch.setenv(variable, value)

    with start_with_safe_path():
        safe = bool(os.environ.get(variable))
        with start_with_usual_path():
            usual = os.environ.get(variable)
        again = bool(os.environ.get(variable))
        leave_safe_path()
        left = os.environ.get(variable)

    assert (True, value, True, value, value) == (safe, usual, again, left, os.environ.get(variable))


def test_processes_that_a_hook_starts_have_the_usual_path(variable):
    seen = []
    pipeline = PipelineDefinition("hooked", on_completion=[lambda _: seen.append(os.environ.get(variable))])

    with start_with_safe_path():
        call_hooks(pipeline, RunResult("x", "local"))

    assert [None] == seen
