"""Pytest fixtures for tests that need a database: ``pytest_plugins = ["pipeline_db.testing"]``."""

from pathlib import Path

import pytest

from .store import PeeweeStore


@pytest.fixture
def store(tmp_path: Path) -> PeeweeStore:
    """Return a store in a new database file of the test's own."""
    return PeeweeStore(tmp_path / "pipeline.db")
