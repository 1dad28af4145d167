"""The words that settings choose from."""

from enum import StrEnum


class EngineName(StrEnum):
    """What runs the jobs."""

    AUTO = "auto"
    LOCAL = "local"
    PREFECT = "prefect"


class TaskRunnerName(StrEnum):
    """What of Prefect's spreads many inputs: threads or processes of this machine, or a cluster."""

    THREADS = "threads"
    PROCESSES = "processes"
    DASK = "dask"
    RAY = "ray"


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"
    OFF = "OFF"
