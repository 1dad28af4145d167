"""What the tests of orchestration share."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest

from pipeline_orchestration import PipelineRunner
from pipeline_orchestration.testing import isolated_settings, prefect_server

__all__ = ["isolated_settings", "prefect_server"]


@pytest.fixture(autouse=True)
def folder(isolated_settings):
    """The current folder, empty; no setting of the person's own is known there."""
    return isolated_settings


@pytest.fixture(params=["local", "prefect"])
def engine(request, folder):
    """Each engine in turn, Prefect on a real server."""
    if request.param == "prefect":
        request.getfixturevalue("prefect_server")
    return request.param


@pytest.fixture
def runner(folder, engine):
    """Makes runners on the engine, with a database and an output folder in the current one."""

    def made(**settings):
        settings = {
            "engine": engine,
            "log_level": "WARNING",
            "output_dir": "out",
            "db_path": "p.db",
        } | settings
        return PipelineRunner(**settings)

    return made


@pytest.fixture
def sample(folder):
    """A file of two records, in lines 1 and 3."""
    path = folder / "sample.txt"
    path.write_text("one\n\nthree\n", encoding="utf-8")
    return path


@pytest.fixture
def page(prefect_server):
    """What Prefect shows of the newest flow run with a name: its logs, its artifacts by what they are."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters, sorting
    from prefect.logging.handlers import APILogWorker

    def shown(name):
        APILogWorker.drain_all()
        named = filters.FlowRunFilter(name=filters.FlowRunFilterName(any_=[name]))
        with get_client(sync_client=True) as client:
            newest = sorting.FlowRunSort.EXPECTED_START_TIME_DESC
            run = client.read_flow_runs(flow_run_filter=named, sort=newest, limit=1)[0]
            of_run = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[run.id]))
            logs = client.read_logs(of_run, sort=sorting.LogSort.TIMESTAMP_ASC, limit=200)
            by_run = filters.ArtifactFilter(flow_run_id=filters.ArtifactFilterFlowRunId(any_=[run.id]))
            artifacts = client.read_artifacts(artifact_filter=by_run)
        return SimpleNamespace(
            run=run, logs=logs, artifacts={each.key.rpartition("-")[2]: each for each in artifacts}
        )

    return shown


@pytest.fixture(scope="session")
def ask():
    """Ask a database, past everything of ours."""

    def asked(path, statement):
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    return asked


@pytest.fixture
def python(folder):
    """Run code in a fresh interpreter in the current folder, and return what it printed."""

    def ran(code, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=folder
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout, done.stderr

    return ran
