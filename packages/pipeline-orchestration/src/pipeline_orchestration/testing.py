"""Pytest fixtures for tests that run pipelines: ``pytest_plugins = ["pipeline_orchestration.testing"]``.

isolated_settings    keeps the settings of the machine away from a test
prefect_server       a Prefect server with a database of its own, one for the session
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


@pytest.fixture
def isolated_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run the test in an empty folder, without our and Prefect's variables, and yield the folder.

    Modules that the test imports from there are forgotten afterwards, as the next test may have others of
    the same names.
    """
    _isolate(monkeypatch, tmp_path / ".prefect")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield folder
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
            del sys.modules[name]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Prefect server with none of the machine's settings, and yield the URL of its API."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            # Prefect reads its settings when it is imported.
            _isolate(environment, tmp_path_factory.mktemp("prefect"))
            # Without measuring its coverage, the server starts in half the time.
            environment.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            from prefect.settings import (  # noqa: PLC0415
                PREFECT_API_URL,
                PREFECT_SERVER_ANALYTICS_ENABLED,
                temporary_settings,
            )
            from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

            stack.enter_context(temporary_settings({PREFECT_SERVER_ANALYTICS_ENABLED: False}))
            # The first start runs all migrations of its database: 20 s, but minutes on a busy machine.
            stack.enter_context(prefect_test_harness(server_startup_timeout=240))
        yield PREFECT_API_URL.value()


def _isolate(environment: pytest.MonkeyPatch, prefect_home: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("PIPELINE_", "PREFECT_")):
            environment.delenv(name)
    environment.setenv("PREFECT_HOME", str(prefect_home))
    environment.setenv("DO_NOT_TRACK", "1")
