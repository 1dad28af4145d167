"""A pipeline on a Prefect server: what a worker or `pipeline serve` runs comes to what the command does."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PATIENCE = 120  # seconds; a run's process imports Prefect twice over on a machine that is busy


@pytest.fixture
def server(folder, prefect_server, monkeypatch):
    """The server, configured; two inputs, of which one is not there, and a pipeline of one's own."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    (folder / "sample.txt").write_text("so\n\nit is so\n", encoding="utf-8")
    (folder / "mine.py").write_bytes((EXAMPLES / "word_count.py").read_bytes())
    # What came with the data is in nobody's way.
    (folder / "data.py").write_text("raise SystemExit(99)", encoding="utf-8")
    return prefect_server


def prefect(*words):
    return subprocess.run(["prefect", *words], capture_output=True, text=True, check=False)


def started(name, **parameters):
    """Have a run of a deployment started, as the UI has it, and return its id."""
    with api() as client:
        deployment = client.read_deployment_by_name(f"run_pipeline/{name}")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def started_from_a_shell(name):
    """The same by Prefect's command, which `pipeline deploy` prints."""
    done = prefect("deployment", "run", f"run_pipeline/{name}")
    assert done.returncode == 0, done.stdout + done.stderr
    return next(line.rsplit(maxsplit=1)[1] for line in done.stdout.splitlines() if "UUID" in line)


@contextmanager
def api():
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def ended(identity):
    """Wait for the end of a flow run, and return its state."""
    deadline = time.monotonic() + PATIENCE
    with api() as client:
        while time.monotonic() < deadline:
            state = client.read_flow_run(identity).state
            if state is not None and state.is_final():
                return state
            time.sleep(0.2)
    raise TimeoutError(f"the flow run is {state and state.name}")


def kept(database):
    with closing(sqlite3.connect(database)) as connection:
        batches = connection.execute(
            "SELECT source, record_count, status, records_sha256 FROM processing_batches"
        ).fetchall()
        records = connection.execute(
            "SELECT batch_id, line_number, content FROM processed_records"
        ).fetchall()
    return batches, records


def test_a_worker_gives_what_the_command_gives(server, pipeline, folder):
    """The same batch, and for an input that is not there the same code and message."""
    done = pipeline(
        "--engine", "local", "--db-path", "by command.db", "run-all", "sample.txt", "gone.txt", "--json"
    )
    expected = json.loads(done.stdout)["runs"][1]["error"]

    made = pipeline(
        "--pipeline", "mine:pipeline", "--db-path", "by worker.db", "deploy", "nightly", "sample.txt"
    )
    good = started_from_a_shell("nightly")
    bad = started("nightly", inputs=["sample.txt", "gone.txt"])
    worker = prefect("worker", "start", "--pool", "pipeline", "--run-once")

    assert made.returncode == 0, made.stderr
    assert "prefect worker start --pool pipeline" in made.stdout
    assert ("Completed", "Failed") == (ended(good).name, ended(bad).name), worker.stdout + worker.stderr
    assert f"A gone.txt: {expected['code']}: {expected['message']}" in ended(bad).message
    assert kept(folder / "by command.db") == kept(folder / "by worker.db")
    assert "Traceback" not in worker.stderr


def test_a_bad_parameter_is_refused_before_a_run_begins(server, pipeline):
    """Prefect checks them against the schema of the flow."""
    pipeline("deploy", "checked", "sample.txt")

    with pytest.raises(Exception, match="'perhaps' is not one of"):
        started("checked", on_duplicate="perhaps")


def test_a_pipeline_that_is_gone_is_a_failed_run_in_plain_words(server, pipeline, folder):
    """The deployment outlives the file."""
    pipeline("--pipeline", "mine.py:pipeline", "deploy", "orphan", "sample.txt", "--work-pool", "orphans")
    (folder / "mine.py").unlink()

    run = started("orphan")
    worker = prefect("worker", "start", "--pool", "orphans", "--run-once")
    state = ended(run)

    assert ("Failed", f"usage.pipeline: {folder}/mine.py: no such file") == (state.name, state.message)
    assert "Traceback" not in worker.stderr


@contextmanager
def serving(*words, folder):
    """A `pipeline serve` that has made its deployment; killed unless it has ended."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    errors = folder / "served.err"
    with errors.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(["pipeline", *words], stdout=subprocess.PIPE, stderr=said, text=True)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    try:
        for line in process.stdout:
            if line.startswith("Runs are started from here"):
                break
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_is_served_gives_what_the_command_gives(server, folder):
    """And Ctrl-C ends it as it ends any command, with its schedule paused."""
    with serving("serve", "served", "sample.txt", "--interval", "86400", folder=folder) as process:
        assert "Completed" == ended(started("served")).name
        process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE)
    with api() as client:
        paused = client.read_deployment_by_name("run_pipeline/served").paused

    assert (130, True) == (code, paused)
    assert [(2, "finalized")] == [batch[1:3] for batch in kept(folder / "data/pipeline.db")[0]]
    assert "Traceback" not in (folder / "served.err").read_text(encoding="utf-8")


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


def test_a_run_that_is_served_ends_with_what_serves_it(server, folder):
    """Nothing is left that works on, or that Prefect takes for running."""
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")
    with serving("--pipeline", "slow.py:pipeline", "serve", "slow", "x", folder=folder) as process:
        run = started("slow")
        while not (folder / "reached").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)

    assert 143 == code
    assert ended(run).name in ("Cancelled", "Crashed")
    mine = [each for each in Path("/proc").glob("[0-9]*/cwd") if os.path.lexists(each) and _in(each, folder)]
    assert [] == mine


def _in(link, folder):
    try:
        return int(link.parent.name) != os.getpid() and link.readlink() == folder
    except OSError:  # it has ended meanwhile
        return False
