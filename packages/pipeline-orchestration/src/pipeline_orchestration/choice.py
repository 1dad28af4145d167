"""Which engine runs, and why."""

from dataclasses import dataclass

from pipeline_jobs import shown

from .errors import OrchestrationError
from .names import EngineName, TaskRunnerName
from .prefect_settings import api_url

_TEMPORARY = "no API is configured, so Prefect starts a temporary server"


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine and the reason for it.

    Args:
        engine: ``local`` or ``prefect``.
        reason: in words, printable and without secrets.
        temporary: whether a temporary Prefect server has to be started.
    """

    engine: EngineName
    reason: str
    temporary: bool = False


def choose(asked: EngineName, task_runner: TaskRunnerName | None = None) -> EngineChoice:
    """Return the engine that is asked for; ``auto`` is Prefect where Prefect would find an API, else local.

    A task runner is Prefect's, so that whoever asks for one asks for Prefect, unless for the local engine.

    Raises:
        OrchestrationError: ``orchestration.settings``: Prefect's own settings cannot be read.
    """
    if asked is EngineName.LOCAL:
        return EngineChoice(asked, "asked for")
    try:
        found = api_url()
    except ValueError as error:
        raise OrchestrationError(
            "orchestration.settings", f"Prefect's settings cannot be read: {error}"
        ) from error
    if found:
        return EngineChoice(EngineName.PREFECT, shown(f"{found.origin} names the API {found.shown}"))
    if asked is EngineName.PREFECT:
        return EngineChoice(asked, f"asked for; {_TEMPORARY}", temporary=True)
    if task_runner:
        reason = f"it has the task runner {task_runner}, which is asked for; {_TEMPORARY}"
        return EngineChoice(EngineName.PREFECT, reason, temporary=True)
    return EngineChoice(EngineName.LOCAL, "no Prefect API is configured")
