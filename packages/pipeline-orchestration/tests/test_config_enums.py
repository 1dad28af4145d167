"""Values of the enumerations, which people write in commands and settings files."""

from pipeline_orchestration import EngineName, LogLevel


def test_engines():
    assert ["auto", "local", "prefect"] == list(EngineName)


def test_log_levels():
    assert ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "OFF"] == list(LogLevel)
