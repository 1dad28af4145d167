"""Pickles between processes: the description of a run, its inputs, and its results."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_jobs import BatchId, InputError, JobResult
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import (
    OrchestrationError,
    PipelineConfig,
    PipelineDefinition,
    RunResult,
    UnsentOutput,
)
from pipeline_orchestration.engines.processes.serialization import (
    dump_inputs,
    dump_results,
    dump_spec,
    load_inputs,
    load_job_loop,
    load_results,
)
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.inputs import RunInput


class TwoArgumentsError(InputError):
    """Pickle cannot restore an error with two arguments."""

    def __init__(self, one, two):
        super().__init__("input.odd", f"{one} {two}", retriable=True)


def make_spec(factory):
    pipeline = PipelineDefinition("mine").add_job("first", factory).add_job("second", factory)
    return RunSpec(pipeline=pipeline, config=PipelineConfig(), run_id="id", stop_after="first")


def test_a_worker_gets_the_jobs_of_a_definition_with_lambdas():
    loop = load_job_loop(dump_spec(make_spec(lambda _: FailingJob(ValueError(), 0))))

    (result,) = loop.run_group([RunInput.parse("7")])

    assert (["first"], "id", "7") == ([job.job for job in result.jobs], result.run_id, result.output)


def test_a_definition_that_cannot_be_pickled_is_an_error():
    lock = threading.Lock()

    with pytest.raises(
        OrchestrationError, match=r"^the pipeline cannot be sent to another process: "
    ) as caught:
        dump_spec(make_spec(lambda _: lock))

    assert "orchestration.definition" == caught.value.code


def test_values_arrive_as_they_were_given():
    """Sets and tuples stay what they are, and keys of any type."""
    values = [{1: {"a", "b"}, "1": ("tuple",)}, Path("x.txt"), "7", 7, None]
    inputs = [RunInput.parse(value) for value in values]

    assert inputs == load_inputs(dump_inputs(inputs))


def test_an_input_that_cannot_be_pickled_is_refused_and_the_others_arrive():
    inputs = [RunInput.parse(threading.Lock()), RunInput.parse("7")]

    refused, other = load_inputs(dump_inputs(inputs))

    assert ("memory", None, "input.type") == (refused.label, refused.value, refused.refusal.code)
    assert str(refused.refusal).startswith("a value of type lock cannot be sent to another process: ")
    assert inputs[1] == other


class Broken:
    """A value that can be pickled, but not unpickled."""

    def __reduce__(self):
        return int, ("no number",)


def test_an_input_that_cannot_be_unpickled_is_refused_and_the_others_arrive():
    inputs = [RunInput.parse(Broken()), RunInput.parse("7")]

    refused, other = load_inputs(dump_inputs(inputs))

    assert ("memory", None, "input.type") == (refused.label, refused.value, refused.refusal.code)
    assert str(refused.refusal).startswith("a value cannot be received by another process: ValueError: ")
    assert inputs[1] == other


def test_results_arrive_as_they_are():
    jobs = (JobResult("A", Path("x.json")), JobResult("B", BatchId(7), counts={"records": 2}))
    results = [RunResult("x.txt", "local", jobs, run_id="id")]

    (copy,) = load_results(dump_results(results))

    assert results == [copy]
    assert 7 == copy.batch_id


def test_an_output_that_cannot_be_pickled_becomes_a_placeholder(caplog):
    """The job has done its work: whether a run succeeds does not depend on where it ran."""
    results = [RunResult("x", "local", (JobResult("A", threading.Lock()),)), RunResult("y", "local")]

    done, other = load_results(dump_results(results))

    assert done.success
    assert UnsentOutput("lock", "TypeError: cannot pickle '_thread.lock' object") == done.output
    assert [f"A x: the result holds no output: {done.output}"] == caplog.messages
    assert results[1] == other


def test_an_output_that_cannot_be_unpickled_becomes_a_placeholder(caplog):
    (done,) = load_results(dump_results([RunResult("x", "local", (JobResult("A", Broken()),))]))

    assert done.success
    assert UnsentOutput("Broken", "it cannot be unpickled") == done.output
    assert 1 == len(caplog.messages)


def test_a_function_arrives_as_a_function():
    (done,) = load_results(dump_results([RunResult("x", "local", (JobResult("A", lambda: 7),))]))

    assert 7 == done.output()


def test_an_error_that_cannot_be_restored_keeps_code_and_message():
    error = TwoArgumentsError("it is", "odd")

    (result,) = load_results(dump_results([RunResult("x", "local", (JobResult("A", exception=error),))]))

    assert ("input.odd", "it is odd", True) == (result.code, result.error, result.last.retriable)


@pytest.mark.parametrize(("mode", "is_used"), [(0o700, True), (0o755, False), (None, False)])
def test_a_worker_uses_the_lock_of_a_run_only_in_a_folder_of_its_own_user(tmp_path, mode, is_used):
    """On another machine, anybody may have made the folder, or it is not there."""
    folder = tmp_path / "run"
    if mode:
        folder.mkdir()
        folder.chmod(mode)
    spec = replace(make_spec(lambda _: FailingJob(ValueError(), 0)), write_lock=folder / "write.lock")

    load_job_loop.cache_clear()  # the same description of a run is loaded once
    loop = load_job_loop(dump_spec(spec))

    assert (folder / "write.lock" if is_used else None) == loop.context.write_lock


SCRIPT = """
import pickle, subprocess, sys
from typing import Annotated
import msgspec

class Base(msgspec.Struct, rename="camel"):
    row_id: int

class Item(Base, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=5)] = "none"
    tags: list[str] = []
    def __post_init__(self):
        if self.name == "bad":
            raise ValueError("no")

if __name__ == "__main__":
    from pipeline_orchestration.engines.processes.serialization import _dump
    sys.stdout.buffer.write(_dump(lambda: Item))
"""

READER = """
import pickle, sys
import msgspec
Item = pickle.loads(sys.stdin.buffer.read())()
print(msgspec.json.encode(Item(1)).decode(), Item.__struct_config__.frozen)
print(msgspec.structs.fields(Item)[1].type)
for row in ({"rowId": 1, "name": "bad"}, {"rowId": 1, "name": "longer"}):
    try:
        msgspec.convert(row, Item)
    except msgspec.ValidationError as error:
        print(error)
"""


def test_a_struct_of_a_script_is_the_same_in_another_process(tmp_path):
    """With its fields, rules, options and methods; cloudpickle alone would send it without fields."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    packed = subprocess.run([sys.executable, str(script)], capture_output=True, check=True).stdout
    done = subprocess.run([sys.executable, "-c", READER], input=packed, capture_output=True, check=True)

    assert [
        '{"rowId":1,"name":"none","tags":[]} True',
        "typing.Annotated[str, msgspec.Meta(min_length=1, max_length=5)]",
        "no",
        "Expected `str` of length <= 5 - at `$.name`",
    ] == done.stdout.decode().splitlines()
