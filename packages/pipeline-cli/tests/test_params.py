"""The option `--param`, and the parameters in `list-jobs` and `doctor`."""

import re
from pathlib import Path

import pytest

SECRET = "hunter2-is-secret"
SINCE = "give it by --param since=…, PIPELINE_PARAM_SINCE or the table params of a settings file"
MISPLACED = "a secret comes from the environment only: set PIPELINE_PARAM_TOKEN and remove it from here"
OWN = """
from datetime import date
from typing import Literal
from pydantic import BaseModel, Field, SecretStr
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Params(BaseModel):
    region: Literal["eu", "us"] = "eu"
    since: date
    limit: int = Field(100, gt=0, description="orders per page")
    token: SecretStr

class First(BaseJob[str, str]):
    def __init__(self, params):
        self.params = params

    def validate_input(self, value):
        return value

    def single_job(self, value):
        return f"{self.params.since} {self.params.limit} {self.params.token}"

class Second(First):
    def single_job(self, value):
        raise ValueError("not now")

pipeline = PipelineDefinition("own", params=Params)
pipeline.add_job("first", lambda run: First(run.params))
pipeline.add_job("second", lambda run: Second(run.params))
"""


@pytest.fixture
def own(folder, monkeypatch):
    """Global options that name a pipeline with parameters."""
    Path("own.py").write_text(OWN)
    monkeypatch.setenv("PIPELINE_PARAM_TOKEN", SECRET)
    return ["--log-level", "OFF", "--pipeline", "own.py:pipeline"]


def test_list_jobs_shows_the_parameters(pipeline, own):
    done = pipeline(*own, "list-jobs")

    assert (0, "") == (done.code, done.err)
    assert (
        "Available jobs:\n"
        "  1. first\n"
        "  2. second\n"
        "Parameters:\n"
        "  parameter  type     default   set by                description\n"
        "  region     eu|us    eu        --param region\n"
        "  since      date     required  --param since\n"
        "  limit      integer  100       --param limit         orders per page\n"
        "  token      secret   required  PIPELINE_PARAM_TOKEN\n"
    ) == done.out


def test_the_command_that_continues_repeats_the_parameters(pipeline, own):
    done = pipeline(
        *own, "run-all", "x", "--param", "limit=5", "--param", "since=2026-01-01", "--param", "limit=7"
    )

    assert (1, "x\n  first                     #.### s  2026-01-01 7 **********\n") == (
        done.code,
        done.out,
    )
    assert (
        "Error: second x: ValueError: not now [internal.ValueError]\n"
        "To continue, after mending the job: pipeline --log-level OFF --pipeline own.py:pipeline run "
        "--start-from second "
        "--param limit=5 --param since=2026-01-01 --param limit=7 '2026-01-01 7 **********'\n"
    ) == done.err


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            [f"token={SECRET}"],
            f"token (option --param): {MISPLACED}; since: missing, {SINCE} [usage.params]",
        ),
        (
            [f"tokn={SECRET}", "since=2026-01-01"],
            "tokn (option --param): unknown parameter, did you mean 'token'? [usage.params]",
        ),
        (
            ["limit=0", "since=2026-01-01"],
            "limit (option --param): input should be greater than 0, got '0' [usage.params]",
        ),
        ([SECRET], "Invalid value for '--param': expected NAME=VALUE. [usage.option]"),
        ([f"={SECRET}"], "Invalid value for '--param': expected NAME=VALUE. [usage.option]"),
    ],
)
@pytest.mark.parametrize("as_document", [False, True])
def test_wrong_parameters_are_refused_without_a_secret(pipeline, own, texts, message, as_document):
    words = [word for text in texts for word in ("--param", text)]

    done = pipeline(*own, "run-all", "x", *words, *(["--json"] if as_document else []))

    assert 2 == done.code
    assert f"Error: {message}" == done.err.splitlines()[-1]
    assert SECRET not in done.out + done.err
    if as_document:
        assert message.rpartition(" [")[0] == done.document["error"]["message"]


def test_a_pipeline_without_parameters_refuses_them(pipeline, folder):
    done = pipeline("run-all", "sample.txt", "--param", f"x={SECRET}")

    message = "pipeline 'text' declares no parameters, and is given x"
    assert (2, "", f"Error: {message} [usage.params]\n") == (done.code, done.out, done.err)


def test_doctor_says_whether_the_parameters_can_be_filled(pipeline, own):
    good = pipeline(*own, "doctor", "--param", "since=2026-01-01")
    bad = pipeline(*own, "doctor")

    found = "since (option --param), token (environment variable PIPELINE_PARAM_TOKEN)"
    assert (0, 1) == (
        good.code,
        len(re.findall(rf"^ok +parameters +{re.escape(found)}$", good.out, re.MULTILINE)),
    )
    assert 2 == bad.code
    assert re.search(rf"^error +parameters +invalid\n +since: missing, {SINCE} ", bad.out, re.MULTILINE)
