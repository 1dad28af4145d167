"""Signals end a run with the exit code of the shell, and leave nothing half done."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from pipeline_cli import signals
from pipeline_orchestration.engines.prefect import ephemeral_server

# Job A stalls with its document half written, job B with its first records inserted.
STALLED = """
import os
import time
from pathlib import Path
from pipeline_cli import signals
from pipeline_jobs import BaseJob, JobA, JobB
from pipeline_jobs.storage.atomic_writer import open_draft
from pipeline_orchestration import PipelineDefinition

signals._CLEANUP_SECONDS = float(os.environ.get("CLEANUP_SECONDS", signals._CLEANUP_SECONDS))

def stall():
    Path("reached").touch()
    while not Path("go").exists():
        time.sleep(0.01)

class StalledA(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        with open_draft(Path("data/output/sample_processed.json").absolute()) as output:
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

class Stubborn(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        try:
            stall()
        finally:
            Path("unwinding").touch()
            time.sleep(60)
            Path("unwound").touch()

stubborn = PipelineDefinition("stubborn").add_job("A", lambda run: Stubborn())
a = PipelineDefinition("a").add_job("A", lambda run: StalledA())
b = (
    PipelineDefinition("b")
    .add_job("A", lambda run: JobA(run.output_dir))
    .add_job("B", lambda run: JobB(StalledStore(run.store)))
)
"""


@pytest.fixture
def stalled(folder):
    """Pipelines that stall half-way until the file ``go`` appears."""
    (folder / "stalled.py").write_text(STALLED, encoding="utf-8")


@pytest.mark.parametrize("stage", ["a", "b"])
@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGHUP, 129, b""),
        (signal.SIGINT, 130, b"\nInterrupted. Run the same command again to resume\n"),
        (signal.SIGTERM, 143, b""),
    ],
)
def test_a_signal_leaves_nothing_half_done(
    stalled, start_program, pipeline, folder, stage, number, code, message
):
    """The draft is removed and the transaction rolled back; the same command then does the work."""
    options = ["--log-level", "OFF", "--pipeline", f"stalled.py:{stage}"]
    process = start_program("pipeline", *options, "run-all", "sample.txt")
    process.send_signal(number)
    out, err = process.communicate()

    assert (code, b"", message) == (process.returncode, out, err)
    documents = [path.name for path in (folder / "data/output").iterdir()]
    assert ([] if stage == "a" else ["sample_processed.json"]) == documents
    assert 0 == pipeline("run-all", "sample.txt").code
    with closing(sqlite3.connect(folder / "data/pipeline.db")) as database:
        assert [(1, "finalized", 3)] == list(
            database.execute("SELECT id, status, record_count FROM processing_batches")
        )


@pytest.fixture
def unwinding(stalled, start_program, folder):
    """Start a run, send it a signal, and wait until it unwinds; it takes a minute for that."""

    def start(number):
        process = start_program("pipeline", "--pipeline", "stalled.py:stubborn", "run-all", "sample.txt")
        process.send_signal(number)
        while not (folder / "unwinding").exists():
            time.sleep(0.01)
        return process

    return start


@pytest.mark.parametrize(
    ("first", "second"), [("INT", "INT"), ("TERM", "INT"), ("INT", "HUP"), ("HUP", "TERM")]
)
def test_a_second_signal_ends_a_run_at_once(unwinding, folder, monkeypatch, first, second):
    monkeypatch.setenv("CLEANUP_SECONDS", "600")
    process = unwinding(signal.Signals[f"SIG{first}"])
    process.send_signal(number := signal.Signals[f"SIG{second}"])
    process.communicate()

    assert 128 + number == process.returncode
    assert not (folder / "unwound").exists()


def test_a_run_has_five_seconds_to_unwind(unwinding, monkeypatch):
    """The next run cleans up the rest. The run of the test has less, to be quick."""
    monkeypatch.setenv("CLEANUP_SECONDS", "0.2")
    process = unwinding(signal.SIGTERM)
    process.communicate(timeout=30)

    assert 143 == process.returncode
    assert 5 == signals._CLEANUP_SECONDS


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("INT", 130), ("HUP", 129)])
def test_a_signal_during_a_finalizer_ends_a_run(program, folder, name, code):
    """Python drops an exception raised in `__del__`; the run is unwound all the same."""
    (folder / "lost.py").write_text(
        f"""
import os, signal, time
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIG{name})
        time.sleep(0)

class Finalizing(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        Finalized()
        time.sleep(30)

pipeline = PipelineDefinition("lost").add_job("A", lambda run: Finalizing())
""",
        encoding="utf-8",
    )

    done = program("--pipeline", "lost.py:pipeline", "--log-level", "OFF", "run-all", "sample.txt")

    assert code == done.code
    assert "Traceback" not in done.err


def test_the_library_installs_no_signal_handlers(folder):
    """A program that runs a pipeline from Python keeps its own handlers."""
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


def test_a_run_under_nohup_survives_its_terminal(stalled, start_program, folder):
    """SIGHUP stays ignored if it is ignored when the command starts."""
    process = start_program("nohup", "pipeline", "--pipeline", "stalled.py:b", "run-all", "sample.txt")
    process.send_signal(signal.SIGHUP)
    (folder / "go").touch()
    process.communicate()

    assert 0 == process.returncode


def list_running(pids):
    """Return the processes that still run; zombies do not."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-p", ",".join(pids)], stdout=subprocess.PIPE, check=False
    )
    rows = [line.split() for line in listed.stdout.decode().splitlines()]
    return [pid for pid, state in rows if not state.startswith("Z")]


@pytest.mark.timeout(600)
def test_a_signal_stops_the_temporary_prefect_server(stalled, start_program, folder, monkeypatch):
    """After SIGKILL too. The five seconds for it are those of `test_a_run_has_five_seconds_to_unwind`.

    A busy machine may need more than these, so the run of this test has no limit: it must end by itself.
    The test takes longer: it starts Prefect and its server twice. The second server finds the database of the
    first, whose migrations take 20 s.
    """
    monkeypatch.setenv("CLEANUP_SECONDS", "600")
    options = ["--engine", "prefect", "--log-level", "OFF", "--pipeline", "stalled.py:b"]
    for number, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
        process = start_program("pipeline", *options, "run-all", "sample.txt")
        listed = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid="], text=True).splitlines()
        parents = dict(line.split() for line in listed)
        servers = [pid for pid, parent in parents.items() if parent == str(process.pid)]
        assert servers
        assert servers == list_running(servers)

        process.send_signal(number)
        process.communicate(timeout=120)
        while number == signal.SIGKILL and list_running(servers):  # the server still has to notice
            time.sleep(0.05)

        assert (code, []) == (process.returncode, list_running(servers))
        (folder / "reached").unlink()


def test_a_server_is_killed_before_the_run_is():
    """A server that does not end leaves the run time to roll back what it has begun."""
    assert ephemeral_server._STOP_TIMEOUT < signals._CLEANUP_SECONDS
