"""The run as its flow gets it: handed over in this process, or made from flow parameters."""

import json
import os
from contextvars import copy_context
from pathlib import Path

import pytest

from pipeline_jobs import parse_reject_limit
from pipeline_orchestration import EngineName, PipelineConfig, RunResult, UsageError
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.settings.sources import TEXT_PIPELINE
from pipeline_orchestration.text_pipeline import pipeline as text

HOOKED = """
from pathlib import Path
from pipeline_orchestration import PipelineDefinition
from pipeline_orchestration.text_pipeline import pipeline as text

pipeline = PipelineDefinition("hooked", on_completion=[lambda result: Path(result.input).touch()])
for spec in text.select_jobs():
    pipeline.add_job(spec.name, spec.factory)
"""


@pytest.fixture
def flow_run(prefect_server):
    """The module, which imports Prefect."""
    from pipeline_orchestration.engines.prefect import flow_run

    return flow_run


def make_spec(**settings):
    return RunSpec(pipeline=TEXT_PIPELINE, config=PipelineConfig(**settings), engine=EngineName.PREFECT)


def parse(
    flow_run, pipeline=TEXT_PIPELINE, inputs=(), start_from=None, stop_after=None, params=None, **settings
):
    return flow_run.parse_parameters("id", pipeline, inputs, start_from, stop_after, params, settings)


def test_a_run_is_received_once_with_the_id_of_the_flow_run(flow_run):
    """A flow that a job starts within the run receives none."""
    run = flow_run.FlowRun(make_spec(), text, [RunInput.parse("x.txt")])

    with flow_run.hand_over(run):
        first, second = flow_run.receive_run("id"), flow_run.receive_run("another id")

    assert (run, None) == (first, second)
    assert ("id", True) == (run.spec.run_id, run.has_begun)


def test_the_limit_on_rejects_is_a_parameter(flow_run):
    assert parse_reject_limit("0.5%") == parse(flow_run, max_rejects="0.5%").spec.config.max_rejects
    with pytest.raises(UsageError, match="max_rejects"):
        parse(flow_run, max_rejects="some")


def test_outside_the_block_no_run_is_received(flow_run):
    with flow_run.hand_over(flow_run.FlowRun(make_spec(), text, [])):
        pass

    assert None is flow_run.receive_run("id")


def test_another_context_receives_no_run(flow_run):
    """Two threads may run two flows at a time."""
    other = copy_context()

    with flow_run.hand_over(flow_run.FlowRun(make_spec(), text, [])):
        assert None is other.run(flow_run.receive_run, "id")


def test_parameters_make_the_same_run(flow_run, sample):
    """They come back from the API as JSON."""
    settings = {"output_dir": "out", "db_path": "p.db", "concurrency": 2, "log_level": "OFF"}
    spec = make_spec(**settings)
    parameters = json.loads(json.dumps(spec.config.to_parameters()))

    run = parse(flow_run, inputs=[sample.as_uri(), "missing"], stop_after="B", **parameters)

    assert (
        RunSpec(
            pipeline=TEXT_PIPELINE,
            config=spec.config,
            stop_after="B",
            run_id="id",
            engine=EngineName.PREFECT,
        )
        == run.spec
    )
    assert text is run.definition
    assert [RunInput.parse(sample), RunInput.parse("missing")] == run.inputs


def test_parameters_that_are_left_out_are_the_settings_of_this_process(flow_run, folder, monkeypatch):
    monkeypatch.setenv("PIPELINE_ENCODING", "latin-1")

    run = parse(flow_run, inputs=["7"], output_dir=None, db_path=(folder / "a b.db").as_uri())

    assert PipelineConfig.load(db_path=folder / "a b.db") == run.spec.config
    assert "iso8859-1" == run.spec.config.encoding


def test_a_folder_is_expanded_when_the_flow_runs(flow_run, folder):
    """Documents in the output folder are inputs of job B only."""
    (folder / "in").mkdir()
    for name in ("b.txt", "a.txt", "c_processed.json"):
        (folder / "in" / name).touch()

    for start, names in (("A", ["a.txt", "b.txt"]), ("B", ["a.txt", "b.txt", "c_processed.json"])):
        run = parse(flow_run, inputs=["in"], start_from=start, output_dir="in")
        assert [folder / "in" / name for name in names] == [each.value for each in run.inputs]


def test_a_run_from_parameters_calls_the_hooks_of_its_definition(flow_run, folder):
    (folder / "hooked.py").write_text(HOOKED)

    run = parse(flow_run, "hooked.py:pipeline", ["7"])
    run.on_result(RunResult("called", "prefect"))

    assert f"{folder}/hooked.py:pipeline" == run.spec.pipeline
    assert Path("called").exists()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"pipeline": "missing.py:pipeline"}, "usage.pipeline"),
        ({"start_from": "Z"}, "usage.unknown_job"),
        ({"concurrency": 0}, "usage.setting"),
    ],
)
def test_invalid_parameters_are_usage_errors(flow_run, parameters, code):
    with pytest.raises(UsageError) as caught:
        parse(flow_run, **parameters)

    assert code == caught.value.code


def test_results_are_kept_and_passed_on(flow_run):
    """They are known even if Prefect gives up later."""
    results = []
    run = flow_run.FlowRun(make_spec(), text, [RunInput.parse("x.txt")], on_result=results.append)
    result = RunResult("x.txt", "prefect")

    run.add_result(0, result)

    assert ({0: result}, [result]) == (run.results, results)


def test_the_first_job_decides_what_the_inputs_of_a_deployed_run_mean(flow_run, folder):
    """And no run of a deployment waits for standard input or a writer."""
    (folder / "7").touch()
    os.mkfifo(folder / "pipe")
    words = ["7", "pipe", "-", "file:///x"]

    values = {
        job: [each.value for each in parse(flow_run, inputs=words, start_from=job).inputs]
        for job in ("A", "B", "C")
    }

    assert {
        "A": [folder / "7", folder / "pipe", "-", Path("/x")],
        "B": ["7", folder / "pipe", "-", Path("/x")],
        "C": words,
    } == values
