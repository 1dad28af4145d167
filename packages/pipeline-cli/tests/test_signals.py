"""Signals end a run as they end other programs, and leave nothing behind."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

# Job A waits with its document half written, job B with its first records inserted.
STALLED = """
import time
from pathlib import Path
from pipeline_jobs import BaseJob, JobA, JobB, draft
from pipeline_orchestration import PipelineDefinition

def stall():
    Path("reached").touch()
    while not Path("go").exists():
        time.sleep(0.01)

class StalledA(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        with draft(Path("data/output/sample_processed.json").absolute()) as output:
            output.stream.write(b"half")
            output.stream.flush()
            stall()

class StalledStore:
    def __init__(self, store):
        self.store = store

    def load(self, source, chunks, on_duplicate):
        def until_inserted():
            yield from chunks
            stall()
        return self.store.load(source, until_inserted(), on_duplicate)

class Clinging(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        try:
            stall()
        finally:
            Path("ending").touch()
            time.sleep(60)

clinging = PipelineDefinition("clinging").add_job("A", lambda run: Clinging())
a = PipelineDefinition("a").add_job("A", lambda run: StalledA())
b = (
    PipelineDefinition("b")
    .add_job("A", lambda run: JobA(run.output_dir))
    .add_job("B", lambda run: JobB(StalledStore(run.store)))
)
"""


@pytest.fixture
def stalled(folder):
    """Pipelines that stop half-way."""
    (folder / "stalled.py").write_text(STALLED, encoding="utf-8")


@pytest.mark.parametrize("stage", ["a", "b"])
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGHUP, 129, b""),
        (signal.SIGINT, 130, b"\nInterrupted; the same command again goes on.\n"),
        (signal.SIGTERM, 143, b""),
    ],
)
def test_a_signal_leaves_nothing_half_done(stalled, started, pipeline, folder, stage, number, code, said):
    """What is half written disappears, what is half inserted is rolled back; the same command goes on."""
    options = ["--log-level", "OFF", "--pipeline", f"stalled.py:{stage}"]
    process = started("pipeline", *options, "run-all", "sample.txt")
    process.send_signal(number)
    out, err = process.communicate()

    assert (code, b"", said) == (process.returncode, out, err)
    documents = [path.name for path in (folder / "data/output").iterdir()]
    assert ([] if stage == "a" else ["sample_processed.json"]) == documents
    assert 0 == pipeline("run-all", "sample.txt").code
    with closing(sqlite3.connect(folder / "data/pipeline.db")) as database:
        assert [(1, "finalized", 3)] == list(
            database.execute("SELECT id, status, record_count FROM processing_batches")
        )


@pytest.fixture
def clinging(stalled, started, folder):
    """A run that was sent a signal, and does not end."""

    def start(number):
        process = started("pipeline", "--pipeline", "stalled.py:clinging", "run-all", "sample.txt")
        process.send_signal(number)
        while not (folder / "ending").exists():
            time.sleep(0.01)
        return process

    return start


@pytest.mark.parametrize(
    ("first", "second"), [("INT", "INT"), ("TERM", "INT"), ("INT", "HUP"), ("HUP", "TERM")]
)
def test_a_second_signal_ends_a_run_at_once(clinging, first, second):
    """Whatever it is that the first one left to do."""
    process = clinging(signal.Signals[f"SIG{first}"])
    start = time.monotonic()
    process.send_signal(number := signal.Signals[f"SIG{second}"])
    process.communicate()

    assert 128 + number == process.returncode
    assert time.monotonic() - start < 3


def test_five_seconds_end_a_run_too(clinging):
    """What takes longer to clean up is left to the next run."""
    process = clinging(signal.SIGTERM)
    process.communicate(timeout=30)

    assert 143 == process.returncode


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("INT", 130), ("HUP", 129)])
def test_a_signal_that_python_would_lose_ends_a_run_too(program, folder, name, code):
    """One that comes while an object is let go of: what is raised there goes nowhere."""
    (folder / "lost.py").write_text(
        f"""
import os, signal, time
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class LetGo:
    def __del__(self):
        os.kill(os.getpid(), signal.SIG{name})
        time.sleep(0)

class Losing(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        LetGo()
        time.sleep(30)

pipeline = PipelineDefinition("lost").add_job("A", lambda run: Losing())
""",
        encoding="utf-8",
    )

    done = program("--pipeline", "lost.py:pipeline", "--log-level", "OFF", "run-all", "sample.txt")

    assert code == done.code
    assert "Traceback" not in done.err


def test_a_library_handles_no_signals(folder):
    """Whoever runs a pipeline from Python keeps their own handlers."""
    program = """
import signal
from pathlib import Path
import pipeline_cli
from pipeline_orchestration import PipelineRunner
before = [signal.getsignal(number) for number in signal.valid_signals()]
assert PipelineRunner(engine="local").run(Path("sample.txt")).success
assert before == [signal.getsignal(number) for number in signal.valid_signals()]
"""

    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


def test_a_run_under_nohup_outlives_its_terminal(stalled, started, folder):
    """A hang-up that is ignored when the command starts stays ignored."""
    process = started("nohup", "pipeline", "--pipeline", "stalled.py:b", "run-all", "sample.txt")
    process.send_signal(signal.SIGHUP)
    (folder / "go").touch()
    process.communicate()

    assert 0 == process.returncode


def running(pids):
    """Those of some processes that are there, and no zombies."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-p", ",".join(pids)], stdout=subprocess.PIPE, check=False
    )
    rows = [line.split() for line in listed.stdout.decode().splitlines()]
    return [pid for pid, state in rows if not state.startswith("Z")]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_signal_leaves_no_temporary_server(stalled, started, number, code):
    """Nor does it take long: what Prefect and its server have to clean up included."""
    options = ["--engine", "prefect", "--log-level", "OFF", "--pipeline", "stalled.py:b"]
    process = started("pipeline", *options, "run-all", "sample.txt")
    listed = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True).splitlines()
    parents = dict(line.split() for line in listed)
    servers = [pid for pid, parent in parents.items() if parent == str(process.pid)]
    assert servers == running(servers)

    start = time.monotonic()
    process.send_signal(number)
    process.communicate()
    while running(servers) and time.monotonic() - start < 5:
        time.sleep(0.05)

    assert (code, []) == (process.returncode, running(servers))
    assert time.monotonic() - start < 5
