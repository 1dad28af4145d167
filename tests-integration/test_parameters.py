"""Parameters of a definition: the same on every engine and task runner, and no secret is seen."""

import json
import os
import subprocess
import sys

import pytest
from test_deploy import connect, run_prefect, start_run, wait_for_end
from ways import WAYS

from pipeline_orchestration import PipelineRunner, UsageError

SECRET = "hunter2-is-secret"
OWN = """
import hashlib
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class OrderParams(BaseModel):
    region: Literal["eu", "us"] = "eu"
    since: date = Field(description="first day")
    limit: int = Field(100, gt=0, description="orders per page")
    token: SecretStr

    @field_validator("token")
    @classmethod
    def make_bearer(cls, value):
        return SecretStr("Bearer " + value.get_secret_value())

class Fetch(BaseJob[str, str]):
    def __init__(self, params):
        self.params = params

    def validate_input(self, value):
        return str(value)

    def single_job(self, value):
        print(self.params)
        if value == "bad":
            raise ValueError(f"cannot fetch with {self.params}")
        token = hashlib.sha256(self.params.token.get_secret_value().encode()).hexdigest()[:8]
        return f"{self.params.region} {self.params.since} {self.params.limit} {token}"

pipeline = PipelineDefinition("own", params=OrderParams)
pipeline.add_job("fetch", lambda run: Fetch(run.params))
pipeline.add_job("check", lambda run: Fetch(run.params))
"""
FETCHED = "us 2026-01-02 100 dc0f2beb"


@pytest.fixture
def own(folder):
    (folder / "own.py").write_text(OWN)


@pytest.fixture
def python_script(folder):
    """A function that runs a script, and returns its output."""

    def run(code):
        (folder / "script.py").write_text(code)
        done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("source", ["environment", "program"])
def test_parameters_reach_jobs_wherever_they_run(own, way, source, monkeypatch, caplog, capfd):
    params = {"since": "2026-01-02", "region": "us"}
    if source == "environment":
        monkeypatch.setenv("PIPELINE_PARAM_TOKEN", SECRET)
    else:
        params["token"] = SECRET
    settings = {"output_dir": "out", "db_path": "p.db", "log_level": "DEBUG"} | WAYS[way]

    results = PipelineRunner(pipeline="own.py:pipeline", params=params, **settings).run_many(
        ["a", "bad", "b"]
    )

    assert [FETCHED, None, FETCHED] == [result.output for result in results], results
    assert SECRET not in "".join([repr(results), caplog.text, *capfd.readouterr()])
    assert ("PIPELINE_PARAM_TOKEN" in os.environ, "PIPELINE_SECRET_PARAMETERS" in os.environ) == (
        source == "environment",
        False,
    )


def test_a_missing_parameter_is_raised_before_anything_runs(own, way, folder):
    settings = {"output_dir": "out", "db_path": "p.db"} | WAYS[way]

    with pytest.raises(UsageError, match=r"^since: missing, .*; token: missing, set PIPELINE_PARAM_TOKEN$"):
        PipelineRunner(pipeline="own.py:pipeline", **settings).run_many(["a", "b"])


SCRIPT = """
import os
from dataclasses import dataclass

from pydantic import SecretStr

from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

@dataclass(frozen=True)
class Params:
    token: SecretStr
    days: int = 7

class Echo(BaseJob[str, object]):
    def __init__(self, params):
        self.params = params

    def validate_input(self, value):
        return value

    def single_job(self, value):
        return len(self.params.token.get_secret_value()), self.params.days

pipeline = PipelineDefinition("script", params=Params).add_job("echo", lambda run: Echo(run.params))
given = Params(SecretStr("four"), 8)
runner = PipelineRunner(pipeline=pipeline, params=given, engine="local", concurrency=2, log_level="OFF")
print([result.output for result in runner.run_many(["a", "b"])])
"""


def test_a_script_may_define_the_class(python_script):
    assert "[(4, 8), (4, 8)]\n" == python_script(SCRIPT)


def test_a_deployment_has_the_parameters_in_its_form(own, pipeline, folder, prefect_server, monkeypatch):
    """What it leaves out comes from the worker. A secret is not stored, and has no field in the form."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.setenv("PIPELINE_PARAM_TOKEN", SECRET)
    words = ("--pipeline", "own.py:pipeline", "deploy", "with-params", "a")

    scheduled = pipeline(*words, "--cron", "0 2 * * *")
    secret = pipeline(*words, "--param", f"token={SECRET}")
    deployed = pipeline(*words, "--param", "limit=50")
    with connect() as client:
        deployment = client.read_deployment_by_name("run_pipeline/with-params")
    form = deployment.parameter_openapi_schema
    with pytest.raises(Exception, match="'since' is a required property"):
        start_run("with-params")
    with pytest.raises(Exception, match=r"'token' was unexpected"):
        start_run("with-params", params={"since": "2026-01-02", "token": SECRET})
    good = start_run("with-params", params={"since": "2026-01-02", "region": "us"})
    bad = start_run("with-params", params={"since": "2026-01-02"}, inputs=["a", "bad"])
    worker = run_prefect("worker", "start", "--pool", "pipeline", "--run-once")
    with connect() as client:
        stored = client.read_flow_run(good).parameters

    missing = "since: missing, give it by --param since=…, PIPELINE_PARAM_SINCE or the table params of"
    assert (2, f"Error: {missing} a settings file [usage.params]\n") == (
        scheduled.returncode,
        scheduled.stderr,
    )
    assert "a secret comes from the environment only" in secret.stderr
    assert 0 == deployed.returncode, deployed.stderr
    assert {"limit": 50} == deployment.parameters["params"]
    assert {
        "title": "params",
        "description": "Parameters of the definition, by name; never a secret.",
        "type": "object",
        "properties": {
            "region": {"default": "eu", "enum": ["eu", "us"], "title": "region", "type": "string"},
            "since": {"description": "first day", "format": "date", "title": "since", "type": "string"},
            "limit": {
                "default": 100,
                "description": "orders per page",
                "exclusiveMinimum": 0,
                "title": "limit",
                "type": "integer",
            },
        },
        "required": ["since"],
        "additionalProperties": False,
    } == {key: value for key, value in form["properties"]["params"].items() if key != "position"}
    assert ["pipeline", "inputs", "params"] == form["required"]
    assert {"since": "2026-01-02", "region": "us"} == stored["params"]
    assert ("Completed", "Failed") == (wait_for_end(good).name, wait_for_end(bad).name), worker.stderr
    assert SECRET not in json.dumps([stored, form, deployment.parameters])
    for done in (scheduled, secret, deployed, worker):
        assert SECRET not in done.stdout + done.stderr
