"""Deployments as they are made: parameters and refusals, without a server."""

import inspect
import json
import os
from pathlib import Path
from typing import get_args

import pytest

from pipeline_jobs import OnDuplicate
from pipeline_orchestration import (
    LogLevel,
    OrchestrationError,
    PipelineRunner,
    UsageError,
    deploy,
    run_pipeline,
    serve,
)
from pipeline_orchestration.engines.prefect.deployment_spec import DeploymentSpec
from pipeline_orchestration.text_pipeline import pipeline as text

OBJECT = (
    "the pipeline 'text' was given as an object, which no other process can import; "
    "give its address, as package.module:attribute or file.py:attribute"
)


def make_spec(runner=None, **options):
    runner = runner or PipelineRunner()
    options = {"name": "nightly", "address": runner.address} | options
    return DeploymentSpec(definition=runner.pipeline, config=runner.config, **options)


def test_all_settings_are_parameters_with_absolute_paths(folder, sample):
    inputs = ["sample.txt", Path("later.txt"), "later", "in/*.txt", "s3://bucket/x", 7]
    parameters = make_spec(PipelineRunner(max_rejects="1%"), inputs=inputs, stop_after="B")

    assert {
        "pipeline": "pipeline_orchestration.text_pipeline:pipeline",
        "inputs": [
            str(sample),
            *(f"{folder}/{name}" for name in ("later.txt", "later", "in/*.txt")),
            "s3://bucket/x",
            "7",
        ],
        "stop_after": "B",
        "output_dir": str(folder / "data/output"),
        "db_path": str(folder / "data/pipeline.db"),
        "on_duplicate": "skip",
        "encoding": "utf-8",
        "max_rejects": "1%",
        "busy_timeout": 30.0,
        "max_record_bytes": 1 << 24,
        "max_unpacked_bytes": 1 << 40,
        "max_unpacked_ratio": 2000,
        "log_level": "INFO",
        "concurrency": 1,
    } == parameters.make_parameters()


def test_the_file_of_a_definition_becomes_an_absolute_path(folder):
    (folder / "mine.py").write_text("from pipeline_orchestration.text_pipeline import pipeline")

    parameters = make_spec(PipelineRunner(pipeline="mine.py:pipeline")).make_parameters()

    assert f"{folder}/mine.py:pipeline" == parameters["pipeline"]
    assert "inputs" not in parameters  # each run has to give them


def test_paths_that_are_not_printable_become_uris(folder):
    odd = folder / os.fsdecode(b"\xff\n.txt")
    odd.touch()

    parameters = make_spec(PipelineRunner(output_dir=odd), inputs=[odd.name]).make_parameters()

    assert (odd.as_uri(), [odd.as_uri()]) == (parameters["output_dir"], parameters["inputs"])
    json.dumps(parameters).encode("ascii")


def test_text_is_stored_as_it_is_given(folder):
    """Whatever there is of that name: the machine of the run may be another one."""
    for name in ("7", "orders"):
        (folder / name).touch()
    inputs = ["7", "orders", "missing", "*", "file:///x", "-"]

    assert inputs == make_spec(inputs=inputs, start_from="C").make_parameters()["inputs"]


@pytest.mark.parametrize(("word", "start_from"), [("-", "A"), ("-", "B"), ("pipe", "A"), ("/dev/fd/{}", "A")])
def test_what_can_be_read_only_once_is_refused(folder, word, start_from):
    """A run of the deployment comes later, and elsewhere."""
    os.mkfifo("pipe")
    reader, writer = os.pipe()
    word = word.format(reader)
    with pytest.raises(UsageError) as refused:
        make_spec(inputs=[word], start_from=start_from).make_parameters()
    os.close(reader)
    os.close(writer)

    text = f"{word} cannot be the input of a deployment, whose runs come later"
    hint = "write what it holds to a file, and give that"
    assert ("usage.deployment", f"{text}; {hint}") == (refused.value.code, str(refused.value))


def test_the_disk_decides_about_the_inputs_of_a_job_that_takes_both(folder):
    for name in ("7", "orders"):
        (folder / name).touch()

    parameters = make_spec(inputs=["7", "orders", "missing"], start_from="B").make_parameters()

    assert ["7", f"{folder}/orders", "missing"] == parameters["inputs"]
    assert not (folder / "data").exists()  # the job was built, but its database was not asked for


@pytest.mark.parametrize("value", [["a record"], {"records": []}, "a\nb", None, 1.5])
def test_data_in_memory_is_refused(value):
    with pytest.raises(
        UsageError, match=r"^expected a path or an id as an input of a deployment, got "
    ) as caught:
        make_spec(inputs=[value], start_from="C").make_parameters()
    assert "usage.deployment" == caught.value.code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a/b"}, "invalid name of a deployment 'a/b': expected text without / % & < >"),
        ({"name": " "}, "invalid name of a deployment ' ': expected text without / % & < >"),
        ({"cron": "@daily", "interval": 5}, "cron and interval exclude each other; give one of them"),
        ({"timezone": "UTC"}, "a time zone needs a schedule; give cron or interval"),
        ({"interval": 0}, "expected an interval of more than 0 seconds, got 0"),
        ({"interval": float("nan")}, "expected an interval of more than 0 seconds, got nan"),
        (
            {"address": None},
            OBJECT,
        ),
    ],
)
def test_invalid_values_are_refused(options, message):
    with pytest.raises(UsageError) as caught:
        make_spec(**options)

    assert ("usage.deployment", message) == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("call", [deploy, serve])
def test_a_definition_without_an_address_is_refused(call):
    with pytest.raises(UsageError, match=r"given as an object"):
        call(PipelineRunner(pipeline=text), "nightly")


@pytest.mark.parametrize("call", [deploy, serve])
def test_an_unknown_job_is_refused(call):
    with pytest.raises(UsageError, match=r"has no job 'Z'"):
        call(PipelineRunner(), "nightly", start_from="Z")


@pytest.mark.parametrize("call", [deploy, serve])
def test_without_an_api_it_is_refused(call):
    """An ephemeral server would end with this process."""
    with pytest.raises(OrchestrationError, match=r"`prefect server start`.* PREFECT_API_URL=") as caught:
        call(PipelineRunner(), "nightly")
    assert "orchestration.no_api" == caught.value.code


def test_every_parameter_is_described_for_the_form():
    """Prefect reads the descriptions in the docstring."""
    schema = run_pipeline.parameters.model_dump()["properties"]

    assert [] == [name for name, each in schema.items() if not each.get("description")]


@pytest.mark.parametrize(("name", "choices"), [("on_duplicate", OnDuplicate), ("log_level", LogLevel)])
def test_the_form_offers_every_choice(name, choices):
    literal, _ = get_args(inspect.signature(run_pipeline.fn).parameters[name].annotation)

    assert [choice.value for choice in choices] == list(get_args(literal))
