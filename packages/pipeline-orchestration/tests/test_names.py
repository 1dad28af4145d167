"""The words that settings choose from are part of the command line, and of files people write."""

from pipeline_orchestration import EngineName, LogLevel


def test_engines():
    assert ["auto", "local", "prefect"] == list(EngineName)


def test_log_levels():
    assert ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "OFF"] == list(LogLevel)
