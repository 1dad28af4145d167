"""Signals end a run as they end other programs, and leave nothing behind."""

import signal
import sqlite3
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


def test_a_run_under_nohup_outlives_its_terminal(stalled, started, folder):
    """A hang-up that is ignored when the command starts stays ignored."""
    process = started("nohup", "pipeline", "--pipeline", "stalled.py:b", "run-all", "sample.txt")
    process.send_signal(signal.SIGHUP)
    (folder / "go").touch()
    process.communicate()

    assert 0 == process.returncode
