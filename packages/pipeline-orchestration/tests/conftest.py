"""Fixtures for the tests of orchestration."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings

from pipeline_orchestration import PipelineRunner
from pipeline_orchestration.testing import isolated_settings, prefect_server

__all__ = ["isolated_settings", "prefect_server"]

# A slow machine is not a failure.
settings.register_profile("no deadlines", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadlines")


@pytest.fixture(autouse=True)
def folder(isolated_settings):
    """The current folder: empty, and without any setting of the user."""
    return isolated_settings


@pytest.fixture(scope="session")
def migrated_prefect_home(tmp_path_factory):
    """A home of Prefect whose database the first server migrates, which takes 20 s."""
    return tmp_path_factory.mktemp("migrated")


@pytest.fixture
def shared_prefect_home(folder, migrated_prefect_home, monkeypatch):
    """Let temporary servers share one database; a mark keeps the tests that use it in one process."""
    monkeypatch.setenv("PREFECT_HOME", str(migrated_prefect_home))
    # Without measuring its coverage, a server starts in a third of the time. The command's tests measure it.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(params=["local", "prefect"])
def engine(request, folder):
    """Each engine in turn, Prefect on a real server."""
    if request.param == "prefect":
        request.getfixturevalue("prefect_server")
    return request.param


@pytest.fixture
def runner(folder, engine):
    """A function that makes runners on the engine, with database and output folder in the current folder."""

    def make(**settings):
        settings = {
            "engine": engine,
            "log_level": "WARNING",
            "output_dir": "out",
            "db_path": "p.db",
        } | settings
        return PipelineRunner(**settings)

    return make


@pytest.fixture
def sample(folder):
    """A file of two records, in lines 1 and 3."""
    path = folder / "sample.txt"
    path.write_text("one\n\nthree\n", encoding="utf-8")
    return path


@pytest.fixture
def page(prefect_server):
    """A function that returns the newest flow run with a name, its logs, and its artifacts by kind.

    With `skip`, it is the one after so many newer ones.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters, sorting
    from prefect.logging.handlers import APILogWorker

    def read(name, skip=0):
        APILogWorker.drain_all()
        named = filters.FlowRunFilter(name=filters.FlowRunFilterName(any_=[name]))
        with get_client(sync_client=True) as client:
            newest = sorting.FlowRunSort.EXPECTED_START_TIME_DESC
            run = client.read_flow_runs(flow_run_filter=named, sort=newest, limit=1, offset=skip)[0]
            of_run = filters.LogFilter(flow_run_id=filters.LogFilterFlowRunId(any_=[run.id]))
            logs = client.read_logs(of_run, sort=sorting.LogSort.TIMESTAMP_ASC, limit=200)
            by_run = filters.ArtifactFilter(flow_run_id=filters.ArtifactFilterFlowRunId(any_=[run.id]))
            artifacts = client.read_artifacts(artifact_filter=by_run)
        return SimpleNamespace(
            run=run, logs=logs, artifacts={each.key.rpartition("-")[2]: each for each in artifacts}
        )

    return read


@pytest.fixture(scope="session")
def ask():
    """A function that runs SQL in a file, without our code."""

    def ask_database(path, statement):
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    return ask_database


@pytest.fixture
def python(folder):
    """A function that runs code in a new interpreter, and returns its output and standard error."""

    def run(code, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=folder
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout, done.stderr

    return run
