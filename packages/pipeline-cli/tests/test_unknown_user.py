"""Runs of a user without an entry in the list of users and without HOME, as containers have them."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

USER = 12345
# The user may read everything, as Python may be installed where only root may look.
CHANGE_USER = [
    "setpriv",
    f"--reuid={USER}",
    f"--regid={USER}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]


@pytest.fixture
def run(folder, monkeypatch):
    """Run the command as the unknown user, in a folder of its own with a sample."""
    if not shutil.which("setpriv") or subprocess.run([*CHANGE_USER, "true"], check=False).returncode:
        pytest.skip("needs root and the program setpriv to become another user")
    # The last one measures the coverage of processes, whose file this user cannot write.
    for name in ("HOME", "USER", "LOGNAME", "PREFECT_HOME", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    with tempfile.TemporaryDirectory() as own:
        os.chown(own, USER, USER)
        shutil.copy("sample.txt", own)
        monkeypatch.chdir(own)

        def run_command(*arguments):
            command = [*CHANGE_USER, sys.executable, "-m", "pipeline_cli", *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=False)

        yield run_command


@pytest.mark.parametrize("command", [["list-jobs"], ["run-all", "sample.txt"], ["doctor"]], ids=" ".join)
def test_the_local_engine_needs_no_home(run, command):
    done = run("--log-level", "WARNING", *command)

    assert (0, "") == (done.returncode, done.stderr)
    assert ("run-all" in command) == Path("data/pipeline.db").exists()


@pytest.mark.parametrize("command", [["run-all", "sample.txt"], ["deploy", "x"], ["doctor"]], ids=" ".join)
def test_prefect_needs_a_home_and_its_absence_is_said(run, monkeypatch, command):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")

    done = run(*command)

    text = "Prefect needs a home directory, and the user with the id 12345 has none"
    hint = "set HOME to a folder that this user can write to, or use --engine local"
    assert 8 == done.returncode
    assert f"{text}; {hint} [orchestration.settings]" in done.stdout + done.stderr


def test_a_path_in_the_home_is_refused(run):
    done = run("--output-dir", "~/out", "run-all", "sample.txt")

    message = "Error: output_dir (argument): there is no home directory ~ [usage.setting]\n"
    assert (2, message) == (done.returncode, done.stderr)
