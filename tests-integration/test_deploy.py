"""Deployments on a Prefect server: a worker and `pipeline serve` have the results of the command."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
TIMEOUT = 120  # seconds; the processes of a run import Prefect twice, which takes long on a busy machine


@pytest.fixture
def server(folder, prefect_server, monkeypatch):
    """Configure the server; write one of two inputs and a pipeline module."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    (folder / "sample.txt").write_text("so\n\nit is so\n", encoding="utf-8")
    (folder / "mine.py").write_bytes((EXAMPLES / "word_count.py").read_bytes())
    # A file of this name beside the data is not imported.
    (folder / "data.py").write_text("raise SystemExit(99)", encoding="utf-8")
    return prefect_server


def run_prefect(*words):
    return subprocess.run(["prefect", *words], capture_output=True, text=True, check=False)


def start_run(name, **parameters):
    """Start a run of a deployment through the API, as the UI does, and return its id."""
    with connect() as client:
        deployment = client.read_deployment_by_name(f"run_pipeline/{name}")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def start_run_from_shell(name):
    """Start it by Prefect's command, which `pipeline deploy` prints."""
    done = run_prefect("deployment", "run", f"run_pipeline/{name}")
    assert done.returncode == 0, done.stdout + done.stderr
    return next(line.rsplit(maxsplit=1)[1] for line in done.stdout.splitlines() if "UUID" in line)


@contextmanager
def connect():
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def wait_for_end(identity):
    """Wait for the end of a flow run, and return its state."""
    deadline = time.monotonic() + TIMEOUT
    with connect() as client:
        while time.monotonic() < deadline:
            state = client.read_flow_run(identity).state
            if state is not None and state.is_final():
                return state
            time.sleep(0.2)
    raise TimeoutError(f"the flow run is {state and state.name}")


def read_database(database):
    with closing(sqlite3.connect(database)) as connection:
        batches = connection.execute(
            "SELECT source, record_count, status, records_sha256 FROM processing_batches"
        ).fetchall()
        records = connection.execute(
            "SELECT batch_id, line_number, content FROM processed_records"
        ).fetchall()
    return batches, records


def test_a_worker_has_the_results_of_the_command(server, pipeline, folder):
    """The same batch, and for a missing input the same code and message."""
    done = pipeline(
        "--engine", "local", "--db-path", "by command.db", "run-all", "sample.txt", "gone.txt", "--json"
    )
    expected = json.loads(done.stdout)["runs"][1]["error"]

    deployed = pipeline(
        "--pipeline", "mine:pipeline", "--db-path", "by worker.db", "deploy", "nightly", "sample.txt"
    )
    good = start_run_from_shell("nightly")
    bad = start_run("nightly", inputs=["sample.txt", "gone.txt"])
    worker = run_prefect("worker", "start", "--pool", "pipeline", "--run-once")

    assert deployed.returncode == 0, deployed.stderr
    assert "prefect worker start --pool pipeline" in deployed.stdout
    assert ("Completed", "Failed") == (wait_for_end(good).name, wait_for_end(bad).name), (
        worker.stdout + worker.stderr
    )
    assert f"A gone.txt: {expected['code']}: {expected['message']}" in wait_for_end(bad).message
    assert read_database(folder / "by command.db") == read_database(folder / "by worker.db")
    assert "Traceback" not in worker.stderr


def test_a_bad_parameter_is_refused_before_a_run_begins(server, pipeline):
    """Prefect checks parameters against the schema of the flow."""
    pipeline("deploy", "checked", "sample.txt")

    with pytest.raises(Exception, match="'perhaps' is not one of"):
        start_run("checked", on_duplicate="perhaps")


def test_a_deleted_pipeline_is_a_failed_run_with_a_plain_message(server, pipeline, folder):
    """The deployment outlives the file."""
    pipeline("--pipeline", "mine.py:pipeline", "deploy", "orphan", "sample.txt", "--work-pool", "orphans")
    (folder / "mine.py").unlink()

    run = start_run("orphan")
    worker = run_prefect("worker", "start", "--pool", "orphans", "--run-once")
    state = wait_for_end(run)

    assert ("Failed", f"usage.pipeline: {folder}/mine.py: no such file") == (state.name, state.message)
    assert "Traceback" not in worker.stderr


@contextmanager
def serve(*words, folder):
    """Run `pipeline serve`; yield its process once the deployment exists, and kill it at the end."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    errors = folder / "serve.err"
    with errors.open("w", encoding="utf-8") as stderr_file:
        process = subprocess.Popen(
            ["pipeline", *words], stdout=subprocess.PIPE, stderr=stderr_file, text=True
        )
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    try:
        for line in process.stdout:
            if line.startswith("This process runs the deployment"):
                break
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_served_run_has_the_results_of_the_command(server, folder):
    """Ctrl-C ends `serve` like any command, and pauses its schedule."""
    with serve("serve", "served", "sample.txt", "--interval", "86400", folder=folder) as process:
        assert "Completed" == wait_for_end(start_run("served")).name
        process.send_signal(signal.SIGINT)
        code = process.wait(TIMEOUT)
    with connect() as client:
        paused = client.read_deployment_by_name("run_pipeline/served").paused

    assert (130, True) == (code, paused)
    assert [(2, "finalized")] == [batch[1:3] for batch in read_database(folder / "data/pipeline.db")[0]]
    assert "Traceback" not in (folder / "serve.err").read_text(encoding="utf-8")


SHADOW = """
import sys
with open("shadows", "a") as file:
    file.write(f"{__name__} in {sys.orig_argv[1:4]} ")
raise ImportError(f"a shadow of {__name__}")
"""


def test_a_served_run_imports_no_module_of_the_current_folder(server, folder):
    """It may have come with the data, and have the name of any module that Python or a library imports."""
    for name in sys.stdlib_module_names | packages_distributions().keys():
        (folder / f"{name}.py").write_text(SHADOW, encoding="utf-8")

    with serve("serve", "shadowed", "sample.txt", folder=folder):
        state = wait_for_end(start_run("shadowed")).name

    found = (folder / "shadows").read_text(encoding="utf-8") if (folder / "shadows").exists() else None
    assert (None, "Completed") == (found, state)


USUAL = """
import subprocess, sys
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition
import neighbour

class Usual(BaseJob[str, str]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        subprocess.run([sys.executable, "-m", "neighbour"], check=True)
        return value

pipeline = PipelineDefinition("usual").add_job("usual", lambda _: Usual())
"""


def test_a_job_of_a_served_run_starts_processes_with_the_usual_path(server, folder):
    """A pipeline may import its neighbours, and so may the processes that its jobs start."""
    (folder / "usual.py").write_text(USUAL, encoding="utf-8")
    (folder / "neighbour.py").write_text("", encoding="utf-8")

    with serve("--pipeline", "usual.py:pipeline", "serve", "usual", "x", folder=folder):
        assert "Completed" == wait_for_end(start_run("usual")).name


SLOW = """
import time
from pathlib import Path
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Slow(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        Path("reached").touch()
        time.sleep(600)

pipeline = PipelineDefinition("slow").add_job("slow", lambda _: Slow())
"""


def test_a_served_run_ends_with_the_serving_process(server, folder):
    """No process is left, and Prefect shows no running flow."""
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")
    with serve("--pipeline", "slow.py:pipeline", "serve", "slow", "x", folder=folder) as process:
        run = start_run("slow")
        while not (folder / "reached").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        code = process.wait(TIMEOUT)

    assert 143 == code
    assert wait_for_end(run).name in ("Cancelled", "Crashed")
    left = [
        each for each in Path("/proc").glob("[0-9]*/cwd") if os.path.lexists(each) and _is_in(each, folder)
    ]
    assert [] == left


def _is_in(link, folder):
    try:
        return int(link.parent.name) != os.getpid() and link.readlink() == folder
    except OSError:  # the process has ended meanwhile
        return False
