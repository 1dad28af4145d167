"""Pytest fixtures for tests that run pipelines: ``pytest_plugins = ["pipeline_orchestration.testing"]``.

isolated_settings    no setting of the person's own reaches the test
prefect_server       Prefect's own server on a database of its own, one for the session
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


@pytest.fixture
def isolated_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the test in an empty folder, without a variable of ours or Prefect's, and return the folder."""
    _isolate(monkeypatch, tmp_path / ".prefect")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Prefect server that knows nothing of the person's own, and yield the URL of its API."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            # Prefect reads its settings once, when it is imported.
            _isolate(environment, tmp_path_factory.mktemp("prefect"))
            # Where the tests are measured, the server need not be: it starts in half the time.
            environment.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            from prefect.settings import (  # noqa: PLC0415
                PREFECT_API_URL,
                PREFECT_SERVER_ANALYTICS_ENABLED,
                temporary_settings,
            )
            from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

            stack.enter_context(temporary_settings({PREFECT_SERVER_ANALYTICS_ENABLED: False}))
            # The first start runs all migrations of its database.
            stack.enter_context(prefect_test_harness(server_startup_timeout=120))
        yield PREFECT_API_URL.value()


def _isolate(environment: pytest.MonkeyPatch, prefect_home: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("PIPELINE_", "PREFECT_")):
            environment.delenv(name)
    environment.setenv("PREFECT_HOME", str(prefect_home))
    environment.setenv("DO_NOT_TRACK", "1")
