"""The scope of a failure: one input, all inputs in a remote store, or all inputs of the run."""

from collections.abc import Iterable, Sequence

from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.results import RunResult

# All inputs share the output folder, the database and the engine: their failures concern every input ...
_SHARED_KINDS = ("output", "database", "corrupt", "orchestration")
# ... but for these, which concern one input.
_OWN_CODES = ("database.constraint", "orchestration.worker_lost", "orchestration.not_run")
_UNREACHABLE = "input.unreachable"  # known after half a minute, which every input of the store would take
_ALL = ""  # no remote store is called that


class FailureScope:
    """Tracks failures that make the remaining inputs pointless."""

    def __init__(self) -> None:
        self._causes: dict[str | None, RunResult] = {}

    def record(self, run_input: RunInput, result: RunResult) -> bool:
        """Take note of a result; tell whether it makes more of the remaining inputs pointless."""
        code = result.code
        if code is None or run_input.refusal:  # a refusal concerns no other input
            return False
        if code.partition(".")[0] in _SHARED_KINDS and code not in _OWN_CODES:
            scope: str | None = _ALL
        else:
            scope = run_input.remote_store if code == _UNREACHABLE else None
        if scope is None or scope in self._causes:
            return False
        self._causes[scope] = result
        return True

    def skip(self, run_input: RunInput, engine: str) -> RunResult | None:
        """Return the result of an input that need not be tried; None if it should be."""
        if not self._causes:
            return None
        cause = self._causes.get(_ALL) or self._causes.get(run_input.remote_store)
        return make_not_run_result(run_input, engine, cause) if cause else None

    def split(
        self, group: Iterable[int], inputs: Sequence[RunInput], engine: str
    ) -> tuple[list[int], list[tuple[int, RunResult]]]:
        """Split a group into the positions to try, and the positions to skip with their results."""
        remaining: list[int] = []
        skipped: list[tuple[int, RunResult]] = []
        for position in group:
            if result := self.skip(inputs[position], engine):
                skipped.append((position, result))
            else:
                remaining.append(position)
        return remaining, skipped


def make_not_run_result(run_input: RunInput, engine: str, cause: RunResult) -> RunResult:
    """Make the result of an input that is not tried because another one failed."""
    message = f"not run after {cause.input} failed: {cause.code}"
    error = OrchestrationError("orchestration.not_run", message)
    return RunResult(run_input.label, engine, exception=error)


def make_missing_results(
    inputs: Sequence[RunInput], results: dict[int, RunResult], engine: str, failure: OrchestrationError
) -> list[RunResult]:
    """Complete the results of an engine that gave up: the first input without one gets the failure."""
    first: RunResult | None = None
    complete: list[RunResult] = []
    for position, run_input in enumerate(inputs):
        result = results.get(position)
        if result is None:
            if first is None:
                result = first = RunResult(run_input.label, engine, exception=failure)
            else:
                result = make_not_run_result(run_input, engine, first)
        complete.append(result)
    return complete
