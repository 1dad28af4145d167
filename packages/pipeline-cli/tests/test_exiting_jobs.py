"""Jobs that exit: the command goes on, and its report is complete."""

import pytest

EXITING = """
import sys
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Exits(BaseJob[object, object]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        if value == "bad":
            sys.exit(0)
        return value

pipeline = PipelineDefinition("own", on_completion=[lambda result: sys.exit(5)])
pipeline.add_job("work", lambda run: Exits())
"""
MESSAGE = "the job called sys.exit(0); return instead"


@pytest.fixture
def run(folder, pipeline):
    """A function that runs the pipeline over three inputs, of which the second one exits."""
    (folder / "own.py").write_text(EXITING, encoding="utf-8")

    def run_inputs(*arguments):
        words = ["--log-level", "OFF", "--pipeline", "own.py:pipeline", "run-all", *arguments]
        return pipeline(*words, "one", "bad", "two")

    return run_inputs


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_job_that_exits_is_a_failure_with_exit_code_9(run, concurrency):
    done = run("--concurrency", str(concurrency))

    assert (9, f"Error: work bad: {MESSAGE} [job.exit]") == (done.code, done.err.splitlines()[0])
    assert "3 inputs: 2 done, 1 failed" in done.out


@pytest.mark.parametrize("concurrency", [1, 2])
def test_with_json_the_document_is_complete(run, concurrency):
    done = run("--json", "--concurrency", str(concurrency))

    assert 9 == done.code
    runs = done.document["runs"]
    assert [None, "job.exit", None] == [run["error"] and run["error"]["code"] for run in runs]
    assert ["one", None, "two"] == [run["output"] for run in runs]


FORKING = """
import os
import sys
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Forking(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        child = os.fork()
        if child == 0:
            sys.exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

pipeline = PipelineDefinition("own").add_job("work", lambda run: Forking())
"""


@pytest.mark.parametrize("concurrency", ["1", "2"])
def test_a_process_that_a_job_forks_prints_no_report(folder, program, concurrency):
    (folder / "own.py").write_text(FORKING, encoding="utf-8")
    words = ["--log-level", "OFF", "--pipeline", "own.py:pipeline", "run-all", "--json"]

    done = program(*words, "--concurrency", concurrency, "one", "two")

    assert (0, [3, 3]) == (done.code, [run["output"] for run in done.document["runs"]])
