"""What jobs print with `--json`, on both engines and by all ways to spread inputs."""

import json

import pytest

LOUD = """
import os
import subprocess
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Loud(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        print("by print")
        os.write(1, b"by the descriptor\\n")
        subprocess.run(["echo", "by a subprocess"])

loud = PipelineDefinition("loud").add_job("A", lambda run: Loud())
"""
RUNNERS = {
    "in turn": [],
    "two at a time": ["--concurrency", "2"],
    "processes": ["--concurrency", "2", "--task-runner", "processes"],
    "dask": ["--concurrency", "2", "--task-runner", "dask"],
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_standard_output_is_one_document(folder, engine, pipeline, runner):
    (folder / "loud.py").write_text(LOUD, encoding="utf-8")
    for name in ("a.txt", "b.txt"):
        (folder / name).touch()

    done = pipeline(
        "--engine",
        engine,
        "--pipeline",
        "loud.py:loud",
        "run-all",
        "a.txt",
        "b.txt",
        "--json",
        *RUNNERS[runner],
    )

    assert json.loads(done.stdout)["success"], done.stderr
    for text in ("by print", "by the descriptor", "by a subprocess"):
        assert 2 == done.stderr.count(text)
