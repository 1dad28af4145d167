"""Settings, from `pipeline_orchestration`."""

from pipeline_orchestration import EngineName, LogLevel, PipelineConfig

__all__ = ["EngineName", "LogLevel", "PipelineConfig"]
