"""What the failure of an input means for those after it."""

import re
from collections.abc import Iterable, Sequence

from .crossing import FILE
from .errors import OrchestrationError
from .labels import label
from .result import RunResult

# The code of a failure of what all inputs share begins with one of these.
_SHARED = ("output", "database", "corrupt", "orchestration")
# But these are of the one input.
_OWN = ("orchestration.worker_lost", "orchestration.output", "orchestration.not_run")
_AWAY = "input.unreachable"  # after half a minute of trying, which each input of the store would take
_STORE = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)
_ALL = ""  # the name of no store


class Stops:
    """Remembers what makes trying other inputs vain: all of them, or those in a store that is away."""

    def __init__(self) -> None:
        self._causes: dict[str | None, RunResult] = {}

    def learn(self, text: str, result: RunResult) -> bool:
        """Take note of the result of an input; return whether that stops others as nothing did before.

        Args:
            text: the input, as an engine is given it.
            result: of it.
        """
        scope = _scope(text, result.code or "")
        if scope is None or scope in self._causes:
            return False
        self._causes[scope] = result
        return True

    def not_run(self, text: str, engine: str) -> RunResult | None:
        """Return the result of an input that is not to be tried; None where it is."""
        cause = self._causes.get(_ALL) or self._causes.get(_store(text))
        return not_run(text, engine, cause) if cause else None

    def parted(
        self, group: Iterable[int], inputs: Sequence[str], engine: str
    ) -> tuple[list[int], list[tuple[int, RunResult]]]:
        """Return which of a group are to be tried, and, by their positions, the results of the others."""
        left: list[int] = []
        vain: list[tuple[int, RunResult]] = []
        for position in group:
            if result := self.not_run(inputs[position], engine):
                vain.append((position, result))
            else:
                left.append(position)
        return left, vain


def not_run(text: str, engine: str, cause: RunResult) -> RunResult:
    """Return the result of an input that was not tried after another one failed."""
    message = f"not run after {cause.input} failed: {cause.code}"
    return RunResult(label(text), engine, exception=OrchestrationError("orchestration.not_run", message))


def _scope(text: str, code: str) -> str | None:
    """Return what a failure is shared by: all inputs, those of a store, or no other."""
    if code.partition(".")[0] in _SHARED and code not in _OWN:
        return _ALL
    return _store(text) if code == _AWAY else None


def _store(text: str) -> str | None:
    """Return the store that an input is in, if it is in one."""
    found = _STORE.match(text)
    return found[0] if found and not text.startswith(FILE) else None
