"""Calls of a definition's hooks with a result."""

import logging
from typing import TYPE_CHECKING

from pipeline_jobs.escaping import get_text
from pipeline_jobs.exceptions import make_failure

from .execution.import_path import start_with_usual_path

if TYPE_CHECKING:
    from .definition import PipelineDefinition
    from .results import RunResult

_log = logging.getLogger(__name__)


def call_hooks(definition: "PipelineDefinition", result: "RunResult") -> None:
    """Call the hooks of a definition with a result: `on_completion` after a success, else `on_failure`.

    What a hook raises is logged and changes nothing; only an interruption, such as Ctrl-C, passes through.
    """
    for hook in definition.on_completion if result.success else definition.on_failure:
        try:
            with start_with_usual_path():
                hook(result)
        except BaseException as error:  # noqa: BLE001  # a hook is a user's code, and the result is known
            failure = make_failure(error, "it")
            name = getattr(hook, "__qualname__", None) or type(hook).__name__
            reason = f"{type(error).__name__}: {get_text(error)}" if failure is error else failure
            # The traceback is a detail, which the next line logs at DEBUG.
            _log.error("hook %s failed: %s", name, reason)
            _log.debug("hook %s failed", name, exc_info=error)
