"""Pytest fixtures of this package for its users."""

import os
from pathlib import Path

from pipeline_orchestration import PipelineConfig, PipelineRunner
from pipeline_orchestration.engines.prefect.api_url import find_api_url

TEST = """
import os
import pytest

pytest_plugins = ["pipeline_orchestration.testing"]

def test_it(isolated_settings):
    assert [] == [name for name in os.environ if name.startswith("PIPELINE_")]
    assert os.getcwd() == str(isolated_settings)
"""


def test_the_settings_of_the_machine_are_hidden(isolated_settings):
    assert (Path.cwd(), []) == (isolated_settings, list(isolated_settings.iterdir()))
    assert None is find_api_url()
    assert PipelineConfig.load() == PipelineConfig.load(output_dir="data/output", engine="auto")


def test_the_fixtures_are_a_pytest_plugin(folder, python, monkeypatch):
    """They hide all variables that are set."""
    monkeypatch.setenv("PIPELINE_ENGINE", "nonsense")
    monkeypatch.setenv("pipeline_engine", "nonsense")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    (folder / "test_mine.py").write_text(TEST)

    printed, _ = python(
        "import pytest; raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', 'test_mine.py']))"
    )

    assert "1 passed" in printed


def test_a_run_uses_the_server(prefect_server, sample):
    result = PipelineRunner(engine="prefect", db_path="p.db", log_level="OFF").run(sample)

    assert prefect_server.startswith("http://127.0.0.1:")
    assert ("prefect", 1) == (result.engine, result.batch_id)
    assert "PREFECT_API_URL" not in os.environ
