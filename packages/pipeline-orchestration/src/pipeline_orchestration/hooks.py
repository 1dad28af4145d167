"""What a definition wants to be told of its runs."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .definition import PipelineDefinition
    from .result import RunResult

_log = logging.getLogger(__name__)


def call_hooks(definition: "PipelineDefinition", results: Iterable["RunResult"]) -> None:
    """Call a definition's hooks with each result: `on_completion` after a success, else `on_failure`.

    What a hook raises is logged and changes nothing; what is no `Exception` passes through.
    """
    for result in results:
        for hook in definition.on_completion if result.success else definition.on_failure:
            try:
                hook(result)
            except Exception as error:  # noqa: BLE001  # it is somebody else's, and the run is over
                name = getattr(hook, "__qualname__", None) or type(hook).__name__
                _log.error("hook %s failed: %s: %s", name, type(error).__name__, error)  # below
                _log.debug("hook %s failed", name, exc_info=error)
