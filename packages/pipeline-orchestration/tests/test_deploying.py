"""What is deployed: parameters that any process can use, and refusals before anybody is asked."""

import json
import os
from pathlib import Path
from typing import get_args, get_type_hints

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
from pipeline_orchestration.crossing import uri
from pipeline_orchestration.deployment import Deployment
from pipeline_orchestration.text import pipeline as text

OBJECT = (
    "the pipeline 'text' was handed over as an object, which no other process can import; "
    "give its address, as package.module:attribute or file.py:attribute"
)
PARAMETERS = list(run_pipeline.parameters.properties)


def asked(runner=None, **options):
    runner = runner or PipelineRunner()
    options = {"name": "nightly", "address": runner.address} | options
    return Deployment(definition=runner.pipeline, config=runner.config, **options)


def test_all_settings_are_parameters_with_absolute_paths(folder, sample):
    parameters = asked(inputs=["sample.txt", Path("later.txt"), "customers", 7, "7"], stop_after="B")

    assert {
        "pipeline": "pipeline_orchestration.text:pipeline",
        "inputs": [str(sample), str(folder / "later.txt"), "customers", "7", "7"],
        "stop_after": "B",
        "output_dir": str(folder / "data/output"),
        "db_path": str(folder / "data/pipeline.db"),
        "on_duplicate": "skip",
        "encoding": "utf-8",
        "busy_timeout": 30.0,
        "max_record_bytes": 1 << 24,
        "log_level": "INFO",
        "concurrency": 1,
    } == parameters.parameters(PARAMETERS)


def test_the_file_of_a_definition_becomes_an_absolute_path(folder):
    (folder / "mine.py").write_text("from pipeline_orchestration.text import pipeline")

    parameters = asked(PipelineRunner(pipeline="mine.py:pipeline")).parameters(PARAMETERS)

    assert f"{folder}/mine.py:pipeline" == parameters["pipeline"]
    assert "inputs" not in parameters  # a run has to say


def test_names_that_do_not_print_are_uris(folder):
    odd = folder / os.fsdecode(b"\xff\n.txt")
    odd.touch()

    parameters = asked(PipelineRunner(output_dir=odd), inputs=[odd.name]).parameters(PARAMETERS)

    assert (uri(odd), [uri(odd)]) == (parameters["output_dir"], parameters["inputs"])
    json.dumps(parameters).encode("ascii")


@pytest.mark.parametrize("value", [["a record"], {"records": []}, "a\nb", None, 1.5])
def test_data_in_memory_is_not_deployed(value):
    with pytest.raises(UsageError, match=r"^an input of a deployment is a path or an id, not ") as caught:
        asked(inputs=[value]).parameters(PARAMETERS)
    assert "usage.deployment" == caught.value.code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a/b"}, "'a/b' is no name for a deployment: that is text without / % & < >"),
        ({"name": " "}, "' ' is no name for a deployment: that is text without / % & < >"),
        ({"cron": "@daily", "interval": 5}, "cron and interval are two schedules; give one of them"),
        ({"timezone": "UTC"}, "a time zone is that of a schedule; give cron or interval"),
        ({"interval": 0}, "an interval is longer than 0 seconds, not 0"),
        ({"interval": float("nan")}, "an interval is longer than 0 seconds, not nan"),
        (
            {"address": None},
            OBJECT,
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(UsageError) as caught:
        asked(**options)

    assert ("usage.deployment", message) == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("made", [deploy, serve])
def test_a_definition_without_an_address_is_refused(made):
    with pytest.raises(UsageError, match=r"handed over as an object"):
        made(PipelineRunner(pipeline=text), "nightly")


@pytest.mark.parametrize("made", [deploy, serve])
def test_an_unknown_job_is_refused(made):
    with pytest.raises(UsageError, match=r"has no job 'Z'"):
        made(PipelineRunner(), "nightly", start_from="Z")


@pytest.mark.parametrize("made", [deploy, serve])
def test_without_an_api_there_is_nothing_to_deploy_to(made):
    """A temporary server would be gone the moment after."""
    with pytest.raises(OrchestrationError, match=r"`prefect server start`.* PREFECT_API_URL=") as caught:
        made(PipelineRunner(), "nightly")
    assert "orchestration.no_api" == caught.value.code


def test_every_parameter_is_described_for_the_form():
    """Prefect takes the texts from the docstring."""
    schema = run_pipeline.parameters.model_dump()["properties"]

    assert [] == [name for name, each in schema.items() if not each.get("description")]


@pytest.mark.parametrize(("name", "choices"), [("on_duplicate", OnDuplicate), ("log_level", LogLevel)])
def test_the_form_offers_what_there_is_to_choose(name, choices):
    literal, _ = get_args(get_type_hints(run_pipeline.fn)[name])

    assert [choice.value for choice in choices] == list(get_args(literal))
