"""What a runner is given, as an engine takes it: one text for each value, or the result that refuses it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pipeline_jobs import JobResult, PipelineError

from .crossing import crossed
from .labels import said_of
from .names import EngineName
from .request import Request
from .result import RunResult
from .stops import Stops, not_run


class Admitted:
    """Values on their way to an engine.

    Args:
        plan: for each value that came so far, its text, or the result that refuses it.
        missing: how many did not, as one before them failed in what they share.
        engine: what results say ran them.
    """

    def __init__(self, plan: Sequence[str | RunResult], missing: int, engine: EngineName) -> None:
        self._plan = plan
        self._missing = missing
        self._engine = engine

    @property
    def inputs(self) -> list[str]:
        """Those that an engine takes."""
        return [each for each in self._plan if isinstance(each, str)]

    def with_results(self, ran: Sequence[RunResult]) -> list[RunResult]:
        """Return a result for each value, given those of the inputs."""
        following = iter(ran)
        results = [next(following) if isinstance(each, str) else each for each in self._plan]
        return [*results, *(not_run("", self._engine, results[-1]) for _ in range(self._missing))]


@contextmanager
def admitted(values: Sequence[object], request: Request, engine: EngineName) -> Iterator[Admitted]:
    """Lend values as an engine takes them; who wants to know results is told of what is refused."""
    first = request.specs[0].name
    with ExitStack() as stack:
        plan: list[str | RunResult] = []
        stops = Stops()
        for value in values:
            try:
                plan.append(stack.enter_context(crossed(value, request.config.output_dir)))
            except PipelineError as error:
                refused = RunResult(said_of(value), engine, (JobResult(first, exception=error),))
                plan.append(refused)
                request.tell(refused)
                if stops.learn("", refused):
                    break
        yield Admitted(plan, len(values) - len(plan), engine)
