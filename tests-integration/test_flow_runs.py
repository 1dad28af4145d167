"""The command on a real server: one command is one flow run, and Prefect shows what happened."""

import re
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

STALLED = """
import time
from pathlib import Path
from pipeline_jobs import BaseJob, JobA
from pipeline_orchestration import PipelineDefinition

class Stalled(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        Path("reached").touch()
        while True:
            time.sleep(0.01)

pipeline = (
    PipelineDefinition("stalled")
    .add_job("A", lambda run: JobA(run.output_dir))
    .add_job("B", lambda run: Stalled())
)
"""


class Server:
    """Asks a Prefect server about its runs."""

    def __init__(self, url):
        self.url = url

    def ask(self, what, **conditions):
        answer = httpx.post(f"{self.url}/{what}", json=conditions, timeout=60)
        return answer.raise_for_status().json()

    @property
    def count(self):
        """The number of flow runs so far."""
        return self.ask("flow_runs/count")

    @property
    def last(self):
        """Name and state of the flow run that was started last, and of its task runs by name."""
        (run,) = self.ask("flow_runs/filter", sort="START_TIME_DESC", limit=1)
        tasks = self.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
        states = sorted((task["name"], task["state_type"]) for task in tasks)
        return (run["name"], run["state_type"]), states


@pytest.fixture
def server(prefect_server, folder, monkeypatch):
    """A real server, named by the environment variable."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    return Server(prefect_server)


@pytest.fixture
def sample(folder):
    """Two files."""
    Path("one.txt").write_text("1\n2\n", encoding="utf-8")
    Path("two.txt").write_text("3\n", encoding="utf-8")
    return folder


def test_one_command_is_one_flow_run(pipeline, server, sample):
    """With a task run for each job and input; the output equals that of the local engine."""
    before = server.count

    done = pipeline("run-all", "one.txt", "two.txt")

    assert (0, before + 1) == (done.returncode, server.count)
    tasks = [(f"{job} {name}", "COMPLETED") for job in "ABC" for name in ("one.txt", "two.txt")]
    assert (("one.txt and 1 more", "COMPLETED"), tasks) == server.last
    local = pipeline("--engine", "local", "--db-path", "x.db", "run-all", "one.txt", "two.txt")
    assert hide_times(local.stdout) == hide_times(done.stdout)


def hide_times(text):
    return re.sub(r"\d\.\d{3}", "#.###", text)


def test_a_failed_input_is_a_failed_flow_run(pipeline, server, sample):
    """The task run fails, too; with the log level OFF, only the error and a link are printed."""
    (sample / "two.txt").write_bytes(b"\xff")

    done = pipeline("--log-level", "OFF", "run-all", "one.txt", "two.txt")

    tasks = [(f"{job} one.txt", "COMPLETED") for job in "ABC"]
    tasks.insert(1, ("A two.txt", "FAILED"))
    assert (("one.txt and 1 more", "FAILED"), tasks) == server.last
    where = f"{sample}/two.txt, byte 0, line 1: not utf-8"
    hint = "if the file has another encoding, set it with --encoding"
    failure, page = done.stderr.splitlines()
    assert (3, f"Error: A two.txt: {where}; {hint} [input.undecodable]") == (done.returncode, failure)
    assert page.startswith(f"On Prefect: {server.url.removesuffix('/api')}/runs/flow-run/")


def test_a_signal_is_a_crashed_flow_run(server, sample):
    """Prefect learns of it, and the command ends as on the local engine."""
    (sample / "stalled.py").write_text(STALLED, encoding="utf-8")
    command = ["pipeline", "--pipeline", "stalled.py:pipeline", "run-all", "one.txt"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (sample / "reached").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()

    assert (143, "") == (process.returncode, out)
    assert "Traceback" not in err
    assert (("one.txt", "CRASHED"), [("A one.txt", "COMPLETED"), ("B one.txt", "CRASHED")]) == server.last


def test_an_api_out_of_reach_is_an_error(pipeline, sample, snapshot, monkeypatch):
    """There is no silent fallback; nothing is written, and no traceback or password is shown."""
    monkeypatch.setenv("PREFECT_API_URL", "http://me:secret@127.0.0.1:9/api")
    before = snapshot()

    done = pipeline("run-all", "one.txt", "two.txt")

    chosen = "environment variable PREFECT_API_URL names the API http://127.0.0.1:9/api"
    reason = "Prefect gave up: Failed to reach API at http://127.0.0.1:9/api/"
    hint = "check that its API can be reached, or use --engine local"
    not_run = "not run after one.txt failed: orchestration.failed"
    assert [
        f"INFO engine prefect: {chosen}",
        f"Error: one.txt: {reason}; {hint} [orchestration.failed]",
        f"Error: two.txt: {not_run} [orchestration.not_run]",
    ] == done.stderr.splitlines()
    assert 8 == done.returncode
    assert "secret" not in done.stdout
    assert before == snapshot()
